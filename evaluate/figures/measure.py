"""From the comparisons of a set to all its figures, as ISO/IEC 19795-1 defines them, and the literature's accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...runtime import dependencies
from .bootstrap import (
    DRAWS,
    affordable_draws,
    independent_rate,
    pairs_of_people,
    people_in,
    rate,
    rate_of,
    share_interval,
)
from .bootstrap_rates import ResampledRates, equal_error_rate, resample_rates
from .comparisons import Comparisons
from .figures import Accuracy, Curve, Estimate, Figures, OperatingPoint, Source
from .metrics import lowest_threshold, pairs_needed, ten_fold_accuracy

FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

_CURVE_POINTS = 25  # a decade


def measure(
    comparisons: Comparisons,
    *,
    threshold: float | None = None,
    source: Source | None = None,
    fmrs: Sequence[float] = FMRS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Figures:
    """The figures of a set.

    threshold  given, or the model's own, a cosine: its error rates become `at_threshold`
    source     where it comes from, to be told beside them
    fmrs       false match rates whose operating points are wanted. Those that take more impostor pairs than were
               compared (metrics.pairs_needed) are listed in `unsupported` instead
    draws      of people, for the intervals; with more than ten million pairs fewer, as `bootstrap.affordable_draws`
               says, and `Figures.draws` tells how many
    seed       the same figures for the same seed

    Pairs that could not be compared count as non-matches in `fnmr_with_failures` and as different in the accuracy, and
    are left out elsewhere. Failure to acquire is counted in photos, taken as independent of each other.

    Raises UsageError for a rate that is not above 0 and below 1; DataError where the set has no genuine or no impostor
    pair that was compared, where a similarity is infinite, or where there are fewer than ten pairs for ten folds.
    """
    dependencies.require("sklearn", "eval")
    genuine, impostor = _kinds(comparisons)
    draws = affordable_draws(len(comparisons), draws)
    needed = {fmr: pairs_needed(fmr) for fmr in sorted(fmrs, reverse=True)}
    supported = [fmr for fmr in needed if needed[fmr] <= len(impostor.scores)]
    thresholds = [lowest_threshold(impostor.scores, fmr) for fmr in supported]
    own = [] if threshold is None else [threshold]
    resampled = resample_rates(comparisons, np.array([*thresholds, *own]), draws=draws, seed=seed)

    def point(at: float, fmr: float | None = None) -> OperatingPoint:
        return _point(comparisons, genuine, impostor, resampled, at, fmr)

    eer, eer_threshold, auc = _whole_curve(
        comparisons, resampled, min(genuine, impostor, key=lambda kind: kind.independent)
    )
    return Figures(
        name=comparisons.name,
        protocol=comparisons.protocol,
        genuine=len(genuine.scores),
        impostor=len(impostor.scores),
        people=people_in(comparisons.people),
        photos=comparisons.photos,
        failed=comparisons.failed,
        fta=independent_rate(comparisons.failed, comparisons.photos),
        accuracy=measure_accuracy(comparisons, draws=draws, seed=seed),
        auc=auc,
        eer=eer,
        eer_threshold=eer_threshold,
        points=tuple(point(at, fmr) for at, fmr in zip(thresholds, supported, strict=True)),
        unsupported=tuple((fmr, pairs) for fmr, pairs in needed.items() if fmr not in supported),
        at_threshold=None if threshold is None else replace(point(threshold), source=source),
        curve=_curve(genuine, impostor, resampled, supported),
        xnorm=comparisons.xnorm,
        draws=draws,
    )


def measure_accuracy(comparisons: Comparisons, *, draws: int = DRAWS, seed: int = 0) -> Accuracy | None:
    """The 10-fold accuracy alone, None where the set has no such protocol. Raises DataError as `measure`."""
    taken = comparisons.ten_folds
    if taken is None:
        return None
    similarity = comparisons.similarity[taken]
    distances = np.where(np.isnan(similarity), 4, 2 - 2 * similarity)  # 4: above every threshold
    try:
        folds = ten_fold_accuracy(distances, comparisons.same[taken])
    except DataError as error:
        raise DataError(f"{comparisons.name}: {error}") from None
    right = rate(folds.right, comparisons.people[taken], draws=draws, seed=seed)
    low, high = min(right.low, folds.accuracy), max(right.high, folds.accuracy)  # folds may differ by a pair in size
    return Accuracy(folds.accuracy, folds.std, low, high, folds.threshold, folds.right)


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """The compared pairs of one kind: their similarities, rising, and how many are `independent`, as of `rate_of`."""

    scores: NDArray[np.float64]
    independent: int


def _kinds(comparisons: Comparisons) -> tuple[_Kind, _Kind]:
    """Genuine and impostor pairs."""
    name, same, compared = comparisons.name, comparisons.same, comparisons.compared
    if np.isinf(comparisons.similarity).any():
        raise DataError(f"{name}: a similarity is infinite; the embeddings are damaged")
    for kind, those in (("genuine", same), ("impostor", ~same)):
        if not those.any():
            raise DataError(f"{name}: has no {kind} pair; error rates take pairs of both kinds")
        if not (those & compared).any():
            raise DataError(f"{name}: no {kind} pair could be compared; no photo of one gave a face")
    genuine, impostor = (
        _Kind(np.sort(comparisons.similarity[those]), pairs_of_people(comparisons.people[those]))
        for those in (same & compared, ~same & compared)
    )
    return genuine, impostor


def _point(
    comparisons: Comparisons,
    genuine: _Kind,
    impostor: _Kind,
    resampled: ResampledRates,
    threshold: float,
    fmr: float | None,
) -> OperatingPoint:
    """The error rates at `threshold`, which was chosen for the rate `fmr`, or given."""
    column = resampled.column(threshold)
    fnmr, with_failures = resampled.fnmr[:, column], resampled.fnmr_with_failures[:, column]
    if fmr is not None:
        asked = np.array([fmr])
        fnmr, with_failures = (resampled.fnmr_at_fmr(asked, with_failures=failures)[:, 0] for failures in (False, True))
    pairs, matching = len(impostor.scores), len(impostor.scores) - int(np.searchsorted(impostor.scores, threshold))
    without, missed = len(genuine.scores), int(np.searchsorted(genuine.scores, threshold))
    all_genuine = int(np.count_nonzero(comparisons.same))
    return OperatingPoint(
        fmr_asked=fmr,
        threshold=threshold,
        fmr=rate_of(matching, pairs, resampled.fmr[:, column], impostor.independent),
        fnmr=rate_of(missed, without, fnmr, genuine.independent),
        fnmr_with_failures=rate_of(missed + all_genuine - without, all_genuine, with_failures, genuine.independent),
    )


def _whole_curve(comparisons: Comparisons, resampled: ResampledRates, fewer: _Kind) -> tuple[Estimate, float, float]:
    """Equal error rate, the threshold at which it is reached, and the area under the ROC curve.

    fewer  the kind of which fewer pairs are independent
    """
    from sklearn.metrics import auc, roc_curve

    compared = comparisons.compared
    same = comparisons.same[compared]
    # By falling thresholds, the first of them infinite.
    fmr, tar, thresholds = roc_curve(same, comparisons.similarity[compared], drop_intermediate=False)
    value, behind, way = equal_error_rate(fmr[::-1], 1 - tar[::-1])
    before, after = thresholds[::-1][[behind - 1, behind]]
    threshold = before + way * (after - before) if np.isfinite(after) else before
    low, high = share_interval(float(value), resampled.eer(), fewer.independent, len(fewer.scores))
    return Estimate(float(value), low, high), float(threshold), float(auc(fmr, tar))


def _curve(genuine: _Kind, impostor: _Kind, resampled: ResampledRates, fmrs: Sequence[float]) -> Curve:
    """The curve at evenly spaced false match rates and at `fmrs`."""
    lowest = min(1.0, 3 / len(impostor.scores))
    count = 1 + round(_CURVE_POINTS * -np.log10(lowest))
    asked = np.unique(np.concatenate([np.geomspace(lowest, 1, count) if count > 1 else [1.0], fmrs]))[::-1]
    errors = np.searchsorted(genuine.scores, [lowest_threshold(impostor.scores, fmr) for fmr in asked])
    of_draws = resampled.fnmr_at_fmr(asked)
    rates = [
        rate_of(missed, len(genuine.scores), rows, genuine.independent)
        for missed, rows in zip(errors.tolist(), of_draws.T, strict=True)
    ]
    fnmr, low, high = np.array([(rate.value, rate.low, rate.high) for rate in rates]).T
    return Curve(asked, fnmr, low, high)
