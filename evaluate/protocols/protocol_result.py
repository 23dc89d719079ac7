"""What a protocol gives for one network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import SFaceError
from ..figures.comparisons import Comparisons
from ..figures.figures import RobustnessRow

if TYPE_CHECKING:
    from ..identification.identification_figures import IdentificationFigures

# The two crops of pair number i of a set, each uint8 (S, S, 3) RGB; None where one could not be acquired.
Pictures: TypeAlias = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]] | None]


@dataclass(frozen=True, slots=True, eq=False)
class ComparedSet:
    """A set as a network sees it.

    pictures    shows the faces of a pair; None where the set has no pictures of pairs
    robustness  a row for the clean set and one for each degradation; empty where that wasn't measured
    """

    comparisons: Comparisons
    pictures: Pictures | None = None
    robustness: tuple[RobustnessRow, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ProtocolResult:
    """All sets, or all identifications, of one network; errors: of sets that could not be compared."""

    sets: list[ComparedSet] = field(default_factory=list)
    errors: list[SFaceError] = field(default_factory=list)
    identifications: "list[IdentificationFigures]" = field(default_factory=list)
