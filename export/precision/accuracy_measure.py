"""What this room needs of a verification set. The caller hands one in: `sface.evaluate.accuracy_on("lfw.bin")`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

# A network: crops uint8 (N, S, S, 3) RGB → raw embeddings float32 (N, D).
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


class AccuracyMeasure(Protocol):
    """A verification set on which accuracy is measured, such as `sface.evaluate.accuracy_on("lfw.bin")`."""

    @property
    def name(self) -> str:
        """The name of the verification set."""

    @property
    def size(self) -> int:
        """Width and height of its crops in pixels."""

    def __call__(self, embed: Embed, /) -> float:
        """The accuracy, 0..1, of an embedding function: uint8 (N, S, S, 3) RGB → float32 (N, D)."""


@dataclass(frozen=True, slots=True)
class AccuracyChange:
    """The accuracies of two networks on the same pairs, as shares.

    before, after  the two accuracies
    change         after less before
    low, high      its interval of 95 %, from people drawn with replacement
    """

    before: float
    after: float
    change: float
    low: float
    high: float

    def text(self) -> str:
        """The change in percentage points: "+0.09 points (-0.05 to +0.22)"."""
        return f"{100 * self.change:+.2f} points ({100 * self.low:+.2f} to {100 * self.high:+.2f})"


@runtime_checkable
class PairedAccuracyMeasure(AccuracyMeasure, Protocol):
    """A verification set that also compares two networks, such as `sface.evaluate.accuracy_on("lfw.bin")`."""

    def change(self, before: Embed, after: Embed, /) -> AccuracyChange:
        """By how much the accuracy of `after` differs from that of `before`."""
