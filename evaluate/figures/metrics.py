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

from ...errors import DataError, UsageError

# How far a threshold lies above the impostor pair that it shuts out: more than the rounding of a cosine of float32
# vectors, so that another batch or another machine decides on that pair as it was measured.
MARGIN = 1e-6

FOLDS = 10


def pairs_needed(fmr: float) -> int:
    """The impostor pairs that it takes to measure the false match rate `fmr`: 3 / fmr.

    With fewer, not even a set without any false match would show that the rate is that low: by the rule of three
    (ISO/IEC 19795-1; Hanley, Lippman-Hand, JAMA 249, 1983) it would only be known to be below 3 / pairs, at 95 %.

    Raises UsageError unless 0 < fmr < 1.
    """
    if not 0 < fmr < 1:
        raise UsageError(f"false match rate {fmr:g}: must be above 0 and below 1, such as 0.001")
    return math.ceil(round(3 / max(fmr, 1e-300), 6))  # rounded: 3 / 0.1 need not be 30


def threshold_at_fmr(impostors: ArrayLike, fmr: float) -> tuple[float, float]:
    """The smallest threshold at which no more than the share `fmr` of impostor pairs is the same, and that share.

    impostors  similarities of impostor pairs (P,)
    The threshold lies MARGIN, or half the way to the next similarity if that is nearer, above the highest similarity
    that has to be shut out. Equal similarities are shut out together, so the share may be well below `fmr`.

    Raises UsageError unless 0 < fmr < 1, DataError where there are fewer pairs than `pairs_needed`, or the threshold
    would be above 1.
    """
    needed = pairs_needed(fmr)
    scores = np.sort(_scores(impostors))
    if len(scores) < needed:
        raise DataError(
            f"a false match rate of {fmr:g} takes {needed:,} impostor pairs or more to measure, there are "
            f"{len(scores):,}",
            remedy="take a larger set or a higher rate",
        )
    threshold = lowest_threshold(scores, fmr)
    if threshold > 1:
        raise DataError(
            f"more than a share of {fmr:g} of the impostor pairs have a similarity of 1: the set shows the same photos "
            "under two names, or the network tells no faces apart"
        )
    return threshold, float(np.mean(scores >= threshold))


def lowest_threshold(impostors: NDArray[np.float64], fmr: float) -> float:
    """The threshold of `threshold_at_fmr` for similarities (P,) that rise, whatever their number; minus infinity where
    `fmr` is 1, and above 1 where too many similarities are 1."""
    allowed = matches_allowed(fmr, len(impostors))
    return -math.inf if allowed == len(impostors) else just_above(impostors, len(impostors) - allowed - 1)


def matches_allowed(fmr: float, pairs: int) -> int:
    """How many of so many impostor pairs may match for a share of no more than `fmr`."""
    allowed = math.floor(fmr * pairs)
    rounded_down = pairs > 0 and (allowed + 1) / pairs <= fmr  # 0.29 * 100 < 29
    return allowed + rounded_down


def just_above(scores: NDArray[np.float64], place: int) -> float:
    """The threshold that shuts out number `place` of similarities (P,) that rise, and those that are equal to it:
    MARGIN, or half the way to the next if that is nearer, above it."""
    shut_out = scores[place]
    above = np.searchsorted(scores, shut_out, side="right")
    margin = min(MARGIN, (scores[above] - shut_out) / 2) if above < len(scores) else MARGIN
    return float(max(shut_out + margin, np.nextafter(shut_out, np.inf)))


@dataclass(frozen=True, slots=True, eq=False)
class TenFold:
    """Accuracy of ten folds.

    accuracy   mean of the folds' shares of pairs decided rightly
    std        their standard deviation (of ten values as they are, not an estimate from a sample)
    threshold  mean of the folds' thresholds, squared Euclidean distance
    right      which pairs were decided rightly, bool (P,)
    """

    accuracy: float
    std: float
    threshold: float
    right: NDArray[np.bool_]


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
    folds = list(zip(np.array_split(values, FOLDS), np.array_split(truth, FOLDS), strict=True))
    right_in_fold = np.array([_right(fold, genuine, thresholds) for fold, genuine in folds])  # (10, T)
    best = thresholds[np.argmax(right_in_fold.sum(axis=0) - right_in_fold, axis=1)]  # (10,), of the other nine folds
    right = [(fold < threshold) == genuine for (fold, genuine), threshold in zip(folds, best, strict=True)]
    accuracies = np.array([fold.mean() for fold in right])
    return TenFold(float(accuracies.mean()), float(accuracies.std()), float(best.mean()), np.concatenate(right))


def _right(
    distances: NDArray[np.float64], same: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> NDArray[np.int64]:
    """How many of the pairs (P,) are decided rightly at each threshold (T,)."""
    genuine, impostor = (np.searchsorted(np.sort(distances[kind]), thresholds) for kind in (same, ~same))  # below
    right: NDArray[np.int64] = genuine + (np.count_nonzero(~same) - impostor)
    return right


def squared_distances(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Squared Euclidean distances (P,) of the unit vectors of `first` (P, D) and `second` (P, D), row by row.

    For the accuracy that is reported on LFW each row is the sum of two raw embeddings: the crop's and its mirror
    image's.
    """
    apart = unit_rows(first.astype(float)) - unit_rows(second.astype(float))
    return np.asarray(np.square(apart).sum(axis=1))


def unit_rows(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """`vectors` (N, D), none of them 0 throughout, brought to length 1."""
    units: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


def _scores(values: ArrayLike) -> NDArray[np.float64]:
    """`values` as float64. Raises DataError where one is not a number."""
    scores = np.asarray(values, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise DataError("a similarity or distance is not a number; the embeddings are damaged")
    return scores
