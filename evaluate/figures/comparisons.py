"""What a protocol gives and all figures are made of: the compared pairs of a set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """P pairs of faces (or of templates: sets of one person's faces).

    name        of the set ("lfw")
    protocol    how the pairs came about, in words ("LFW View 2 from lfw.bin, mirror images added")
    similarity  float64 (P,), cosines; NaN where one of the two faces could not be acquired: nothing was compared
    same        bool (P,), which pairs are genuine
    people      int32 (P, 2), who is on the two sides, as numbers from 0; equal where `same`. Intervals are drawn over
                these people
    ten_folds   the pairs that the 10-fold protocol takes, in its order: int64 (Q,), indices; None where the set has no
                such protocol
    photos      faces or photos that were to be embedded
    failed      how many of them could not be acquired: no face found, or unreadable
    xnorm       mean length of the raw embeddings; None where it wasn't measured
    """

    name: str
    protocol: str
    similarity: NDArray[np.float64]
    same: NDArray[np.bool_]
    people: NDArray[np.int32]
    ten_folds: NDArray[np.int64] | None
    photos: int
    failed: int
    xnorm: float | None = None

    def __len__(self) -> int:
        """Number of pairs, also of those that could not be compared."""
        return len(self.same)

    @property
    def compared(self) -> NDArray[np.bool_]:
        """Which pairs were compared, bool (P,)."""
        compared: NDArray[Any] = ~np.isnan(self.similarity)
        return compared
