"""The arithmetic of verification: thresholds, false match and false non-match rates, 10-fold accuracy.

A similarity is a cosine; a pair is *the same* when similarity ≥ threshold.
FMR   the share of impostor pairs that are taken for the same
FNMR  the share of genuine pairs that are not
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UsageError

# How far a threshold lies above the impostor pair that it shuts out: more than the rounding of a cosine of float32
# vectors, so that another batch or another machine decides on that pair as it was measured.
MARGIN = 1e-6

FOLDS = 10


def threshold_at_fmr(impostors: ArrayLike, fmr: float) -> tuple[float, float]:
    """The smallest threshold at which no more than the share `fmr` of impostor pairs is the same, and that share.

    impostors  similarities of impostor pairs (P,)
    The threshold lies MARGIN, or half the way to the next similarity if that is nearer, above the highest similarity
    that has to be shut out. Equal similarities are shut out together, so the share may be well below `fmr`.

    Raises UsageError unless 0 < fmr < 1, DataError where there are fewer than 1 / fmr pairs.
    """
    if not 0 < fmr < 1:
        raise UsageError(f"false match rate {fmr:g}: must be above 0 and below 1, such as 0.001")
    scores = np.sort(_scores(impostors))
    count = len(scores)
    allowed = math.floor(fmr * count)
    if count and (allowed + 1) / count <= fmr:  # the product was rounded down: 0.29 * 100 < 29
        allowed += 1
    if allowed < 1:
        raise DataError(
            f"a false match rate of {fmr:g} takes {math.ceil(1 / fmr):,} impostor pairs or more to measure, there are "
            f"{count:,}; take a larger set or a higher rate"
        )
    shut_out = scores[count - allowed - 1]
    above = scores[np.searchsorted(scores, shut_out, side="right") :]
    margin = min(MARGIN, (above[0] - shut_out) / 2) if len(above) else MARGIN
    threshold = float(max(shut_out + margin, np.nextafter(shut_out, np.inf)))
    if threshold > 1:
        raise DataError(
            f"more than a share of {fmr:g} of the impostor pairs are equal pictures (similarity 1): "
            "the set shows the same photo under two names"
        )
    return threshold, fmr_at(scores, threshold)


def fmr_at(impostors: ArrayLike, threshold: float) -> float:
    """The share of impostor pairs, similarities (P,), the same at `threshold`. Raises DataError without any."""
    return float(np.mean(_scores(impostors, "impostor") >= threshold))


def fnmr_at(genuine: ArrayLike, threshold: float) -> float:
    """The share of genuine pairs, similarities (P,), different at `threshold`. Raises DataError without any."""
    return float(np.mean(_scores(genuine, "genuine") < threshold))


@dataclass(frozen=True, slots=True)
class TenFold:
    """Accuracy of ten folds.

    accuracy   mean of the folds' shares of pairs decided rightly
    std        their standard deviation (of ten values as they are, not an estimate from a sample)
    threshold  mean of the folds' thresholds, squared Euclidean distance
    """

    accuracy: float
    std: float
    threshold: float


def ten_fold_accuracy(distances: ArrayLike, same: ArrayLike) -> TenFold:
    """Verification accuracy as face recognition reports it on LFW and its kin.

    distances  squared Euclidean distances of unit vectors (P,), in the order of the set's file
    same       which pairs are genuine, bool (P,)
    The pairs are split in order into ten folds. For each, the threshold that decides best on the other nine is applied
    to it: thresholds 0, 0.01, ... 3.99, of equally good ones the smallest; a pair is the same when its distance is
    strictly below.

    Raises DataError where there are fewer than ten pairs.
    """
    values, truth = _scores(distances), np.asarray(same, dtype=bool)
    if len(values) < FOLDS or len(values) != len(truth):
        raise DataError(f"{len(values)} distances and {len(truth)} decisions: needed are ten pairs or more of both")
    thresholds = np.arange(0, 4, 0.01)
    right = (values[:, None] < thresholds) == truth[:, None]  # (P, T)
    folds = np.array_split(np.arange(len(values)), FOLDS)
    right_in_fold = np.array([right[fold].sum(axis=0) for fold in folds])  # (10, T)
    best = np.argmax(right_in_fold.sum(axis=0) - right_in_fold, axis=1)  # (10,), of the other nine folds
    accuracies = right_in_fold[np.arange(FOLDS), best] / [len(fold) for fold in folds]
    return TenFold(float(accuracies.mean()), float(accuracies.std()), float(thresholds[best].mean()))


def squared_distances(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Squared Euclidean distances (P,) of the unit vectors of `first` (P, D) and `second` (P, D), row by row.

    For the accuracy that is reported on LFW each row is the sum of two raw embeddings: the crop's and its mirror
    image's.
    """
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first.astype(float), second.astype(float))]
    return np.asarray(np.square(units[0] - units[1]).sum(axis=1))


def _scores(values: ArrayLike, kind: str | None = None) -> NDArray[np.float64]:
    """`values` as float64. Raises DataError where one is not a number, or, with a `kind` of pairs, there is none."""
    scores = np.asarray(values, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise DataError("a similarity or distance is not a number; the embeddings are damaged")
    if kind and not len(scores):
        raise DataError(f"there is no {kind} pair; take a larger set")
    return scores
