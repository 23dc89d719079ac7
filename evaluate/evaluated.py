"""What one command has measured of one model: what report, card and JSON are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .figures.comparisons import Comparisons
from .figures.figures import Figures, RobustnessRow

# The two crops of pair number i of a set, each uint8 (S, S, 3) RGB; None where one could not be acquired.
Pictures = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]] | None]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedSet:
    """A set, its figures, and what shows the faces of a pair (None where the set has no pictures of pairs).

    robustness  a row for the clean set and one for each degradation; empty where that wasn't measured
    """

    comparisons: Comparisons
    figures: Figures
    pictures: Pictures | None
    robustness: tuple[RobustnessRow, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedModel:
    """A model and the sets that it was measured on.

    name      file name, or the checkpoint's folder
    sha256    of the file's bytes, or of the checkpoint's weights
    metadata  what the file says of itself, field by field (metadata.ModelMetadata)
    detector  what found the faces of photos ("mtcnn", "yunet"); "aligned" for sets of crops
    flip      whether the mirror image's embedding was added
    command   the command line that measured it
    version   of sface
    """

    name: str
    sha256: str
    metadata: Mapping[str, str]
    detector: str
    flip: bool
    command: str
    version: str
    sets: tuple[EvaluatedSet, ...]
