"""The accuracy on one verification set, as a function of what embeds crops; and by how much that of two differs."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..export.precision.accuracy_measure import AccuracyChange
from ..runtime import dependencies
from .crop_embedder import CropEmbedder, Embed
from .figures.accuracy_gain import accuracy_change
from .figures.comparisons import Comparisons
from .figures.figures import Accuracy
from .figures.measure import measure_accuracy
from .protocols.bin_comparisons import compare_bin
from .protocols.bin_sets import BinSet, open_bin
from .ten_fold_verification import verify


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyOn:
    """The ten-fold accuracy on one verification set, as a function of a network: `accuracy_on("lfw.bin")(embed)`."""

    bin_set: BinSet

    @property
    def path(self) -> Path:
        """The path of the set's file."""
        return self.bin_set.path

    @property
    def name(self) -> str:
        """Of the set: the file's without ".bin"."""
        return self.bin_set.name

    @property
    def size(self) -> int:
        """Width and height of its crops in pixels."""
        return self.bin_set.size

    def __call__(self, embed: Embed) -> float:
        """The accuracy, a share, of what embeds crops: uint8 (N, S, S, 3) RGB → raw embeddings float32 (N, D).

        Mirror images are added. Raises DataError where an embedding is not finite or of length 0, ImageError where an
        image of the set can't be decoded.
        """
        return verify(embed, self.bin_set).accuracy

    def change(self, before: Embed, after: Embed) -> AccuracyChange:
        """By how much the accuracy of `after` differs from that of `before`, with its paired interval over people.

        Raises as a call, and DependencyError without scipy.
        """
        dependencies.require("scipy", "eval")
        (one, comparisons), (other, _) = self._measure(before), self._measure(after)
        change = accuracy_change(other, one, comparisons)
        return AccuracyChange(one.value, other.value, change.value, change.low, change.high)

    def _measure(self, embed: Embed) -> tuple[Accuracy, Comparisons]:
        comparisons = compare_bin(CropEmbedder(embed, str(self.path), self.size), self.bin_set)
        accuracy = measure_accuracy(comparisons)
        assert accuracy is not None  # such a set has ten folds
        return accuracy, comparisons


def accuracy_on(path: str | os.PathLike[str]) -> AccuracyOn:
    """Open a verification set such as lfw.bin to measure networks on it. Its images are read when they are needed.

    Raises DataError where the file is missing, damaged or no such set, ImageError where its first image can't be
    decoded.
    """
    return AccuracyOn(open_bin(Path(path)))
