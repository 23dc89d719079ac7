"""Accuracy on one verification set, as a function of what gives embeddings."""

import os
from pathlib import Path

from .protocols.bin_sets import open_bin
from .verification import Embed, verify


class AccuracyOnSet:
    """The accuracy on a verification set such as lfw.bin, of embedding functions uint8 (N, S, S, 3) RGB → float32
    (N, D). `name` is the set's, `size` the width and height of its crops in pixels."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._set = open_bin(Path(path))
        self.name: str = self._set.name
        self.size: int = self._set.size

    def __call__(self, embed: Embed) -> float:
        return verify(embed, self._set).accuracy


def accuracy_on(path: str | os.PathLike[str]) -> AccuracyOnSet:
    """Open a verification set to measure accuracy on. Raises DataError and ImageError as `open_bin`."""
    return AccuracyOnSet(path)
