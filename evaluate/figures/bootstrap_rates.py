"""The two error rates at many thresholds in each of many draws of people: what the intervals of a curve are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import FEWEST_PEOPLE, people_in, shares, weighted_counts
from .comparisons import Comparisons

# Thresholds that are taken from the similarities of each kind of pair: all where there are fewer different ones, else
# the more densely the rarer the errors. Neighbours' error rates then differ by a hundredth or two of their value.
LEVELS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class ResampledRates:
    """False match and false non-match rates in D draws at T thresholds.

    thresholds          float64 (T,), rising from minus infinity
    fmr                 float64 (D, T), falls to 0; NaN in draws without an impostor pair
    fnmr                float64 (D, T), rises from 0; NaN in draws without a genuine pair
    fnmr_with_failures  the same with genuine pairs that could not be compared counted as non-matches
    All of one kind are NaN where its pairs show fewer than FEWEST_PEOPLE people.
    """

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    fnmr_with_failures: NDArray[np.float64]

    def column(self, threshold: float) -> int:
        """Where a threshold that `resample_rates` was given stands."""
        return int(np.searchsorted(self.thresholds, threshold))

    def fnmr_at_fmr(self, fmrs: NDArray[np.float64], *, with_failures: bool = False) -> NDArray[np.float64]:
        """The false non-match rate at false match rates (K,), float64 (D, K), the threshold chosen anew in each draw:
        the lowest of `thresholds` at which the draw's rate is no higher."""
        fnmr = self.fnmr_with_failures if with_failures else self.fnmr
        rates = np.full((len(fnmr), len(fmrs)), np.nan)
        asked = fmrs * (1 + 1e-12)  # a share that is equal but for its rounding is no higher
        last = len(self.thresholds)
        for row in np.flatnonzero(~np.isnan(self.fmr[:, 0])):
            rates[row] = fnmr[row, last - np.searchsorted(self.fmr[row, ::-1], asked, side="right")]
        return rates

    def eer(self) -> NDArray[np.float64]:
        """The equal error rate of each draw, float64 (D,)."""
        rates = np.full(len(self.fmr), np.nan)
        known = ~np.isnan(self.fmr[:, 0] + self.fnmr[:, 0])
        rates[known] = equal_error_rate(self.fmr[known], self.fnmr[known])[0]
        return rates


def resample_rates(
    comparisons: Comparisons, thresholds: NDArray[np.float64], *, draws: int, seed: int
) -> ResampledRates:
    """Resample the people and count their errors at `thresholds` and at those where the rates change.

    comparisons  with a pair of either kind that was compared
    """
    similarity, same, compared = comparisons.similarity, comparisons.same, comparisons.compared
    impostor, failed = compared & ~same, same & ~compared
    ladder = np.unique(
        np.concatenate([[-np.inf], thresholds, *_where_rates_change(similarity[compared & same], similarity[impostor])])
    )
    size = len(ladder)
    # A pair's group is the number of thresholds at which it matches: 1 .. size for impostors, then those of genuine
    # pairs; group 0 is for genuine pairs that were not compared, the last for impostor pairs that were not.
    group = np.searchsorted(ladder, np.where(compared, similarity, 0), side="right")
    group[compared & same] += size
    group[failed] = 0
    group[~compared & ~same] = 2 * size + 1
    counts = weighted_counts(comparisons.people, group, 2 * size + 2, draws=draws, seed=seed)
    fmr, fnmr = (np.full((draws, size), np.nan) for _ in range(2))
    fnmr_with_failures = fnmr.copy()
    if people_in(comparisons.people[impostor]) >= FEWEST_PEOPLE:
        matching = counts[:, size:0:-1].cumsum(axis=1)[:, ::-1]  # at each threshold, (D, T)
        fmr = shares(matching, matching[:, :1])
    if people_in(comparisons.people[same]) >= FEWEST_PEOPLE:
        matching = counts[:, 2 * size : size : -1].cumsum(axis=1)[:, ::-1]
        total, lost = matching[:, :1], counts[:, :1]
        fnmr = shares(total - matching, total)
        fnmr_with_failures = shares(total - matching + lost, total + lost)
    return ResampledRates(ladder, fmr, fnmr, fnmr_with_failures)


def equal_error_rate(fmr: NDArray[np.float64], fnmr: NDArray[np.float64]) -> tuple[Any, NDArray[np.int64], Any]:
    """Where falling and rising rates (..., T) cross: the rate, the column just behind it, and how far it lies on the
    way to that column from the one before, 0..1; each of shape (...). The rates are taken as straight in between."""
    behind = np.argmax(fnmr >= fmr, axis=-1)
    at = np.expand_dims(behind, -1)
    fmr_before, fmr_behind = (np.take_along_axis(fmr, place, -1)[..., 0] for place in (at - 1, at))
    fnmr_before, fnmr_behind = (np.take_along_axis(fnmr, place, -1)[..., 0] for place in (at - 1, at))
    gap = fmr_before - fnmr_before
    way = gap / (gap + fnmr_behind - fmr_behind)
    return fmr_before + way * (fmr_behind - fmr_before), behind, way


def _where_rates_change(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Thresholds that just let a genuine pair pass, and that just shut an impostor pair out."""
    return [_spread(np.sort(genuine)), np.nextafter(_spread(np.sort(impostor)[::-1]), np.inf)]


def _spread(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """LEVELS or fewer of scores (P,), with ranks that lie the further apart the higher they are; all if so few."""
    if len(scores) <= LEVELS:
        return scores
    return scores.take(np.unique(np.geomspace(1, len(scores), LEVELS).astype(np.int64)) - 1)
