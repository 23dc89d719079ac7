"""Intervals over people: how far a figure would move if other people had been photographed.

Pairs are not independent of each other: one person who is hard to recognise makes errors in every pair that shows them.
So people are drawn with replacement, not pairs. In a draw each person p has a weight w_p, how often they were drawn; a
pair that shows one person counts w_p times, a pair of two people w_p·w_q times. The interval of a figure goes from the
2.5th to the 97.5th percentile of its values in many draws.

Drawing people for genuine pairs: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets
bootstrap", CVIU 93, 2004. Both people of a pair at once: Snijders, Borgatti, "Non-parametric standard errors and tests
for network statistics", Connections 22, 1999; Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007,
shows that it is right for what the people bring into a pair and too wide, never too narrow, for what is the pair's
alone. Fogliato, Patil, Perona, "Confidence intervals for error rates in 1:1 matching tasks", IJCV 2024, compare such
intervals on faces.

Where no error was seen, all draws show none either; the interval then goes up to 3 / n (the rule of three: Hanley,
Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983). That is a rule of independent trials,
and two people who look alike do so on all their photos. So n is the number of different pairs of people, of genuine
pairs that of people; not that of photo pairs. Draws of people among whom there are a few errors say little more: the
interval of a rate therefore holds Wilson's too, for as many trials as would give the draws' variance, but no fewer than
n (Korn, Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
survey data", Survey Methodology 24, 1998; theirs is Clopper's and Pearson's interval).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .figures import Estimate, Rate

DRAWS = 1000
PERCENTILES = (2.5, 97.5)

# Draws of fewer people than this are nearly all alike; nothing is then claimed to be known.
FEWEST_PEOPLE = 5

# Pairs times draws that are done in some ten seconds, and draws that percentiles need.
_AFFORDABLE = 10**10
_FEWEST_DRAWS = 200

_DRAWS_AT_ONCE = 128
_NUMBERS_AT_ONCE = 1 << 23


def affordable_draws(pairs: int, draws: int = DRAWS) -> int:
    """`draws`, or as many as are done in seconds where there are more than ten million pairs; 200 at least."""
    return min(draws, max(_FEWEST_DRAWS, _AFFORDABLE // max(1, pairs)))


def weighted_counts(
    people: NDArray[np.integer[Any]], group: NDArray[np.integer[Any] | np.bool_], groups: int, *, draws: int, seed: int
) -> NDArray[np.float64]:
    """How much the pairs of each group count in each draw of people, float64 (draws, groups).

    people  who is on the two sides of each pair, int (P, 2)
    group   which group each pair is of, int (P,), 0 .. groups - 1
    """
    number = np.cumsum(np.bincount(people.ravel(), minlength=1) > 0, dtype=np.int32) - 1  # of those who occur, from 0
    count = int(number[-1]) + 1
    small = group.astype(np.uint16) if groups <= 1 << 16 else group  # sorted faster
    order = np.argsort(small, kind="stable")
    starts = np.searchsorted(small, np.arange(groups + 1), sorter=order).tolist()
    first, second = (number[people[order, side]] for side in (0, 1))
    second[first == second] = count  # stands for a weight of 1: one person counts once
    counts = np.zeros((draws, groups))
    done = 0
    for weights in _weights(count, draws, seed):
        # Sums of so many products stay below 2**16, in which they are summed up.
        step = ((1 << 16) - 1) // max(1, int(weights.max())) ** 2
        rows = counts[done : done + weights.shape[1]]
        for index in range(groups):
            for start in range(starts[index], starts[index + 1], step):
                part = slice(start, min(start + step, starts[index + 1]))
                left, right = weights.take(first[part], axis=0), weights.take(second[part], axis=0)
                rows[:, index] += np.einsum("pd,pd->d", left, right)
        done += weights.shape[1]
    return counts


def _weights(people: int, draws: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """Weights of `people` people in some draws at a time, uint16 (people + 1, n); the last row is 1 throughout."""
    generator = np.random.default_rng(seed)
    at_once = min(_DRAWS_AT_ONCE, max(1, _NUMBERS_AT_ONCE // people))
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        resampled = generator.integers(people, size=(count, people))
        resampled += people * np.arange(count)[:, None]
        weights = np.ones((people + 1, count), dtype=np.uint16)
        weights[:people] = np.bincount(resampled.ravel(), minlength=count * people).reshape(count, people).T
        yield weights


def interval(
    value: float, resampled: NDArray[np.float64], *, lowest: float = 0.0, highest: float = 1.0
) -> tuple[float, float]:
    """The interval of a figure with this `value`, from its values in the draws (D,), NaN where a draw has none.

    It always holds the value. Where most draws have no value it goes from `lowest` to `highest`: nothing is known.
    """
    known = resampled[~np.isnan(resampled)]
    if 2 * len(known) < len(resampled) or not len(known):
        return lowest, highest
    low, high = np.percentile(known, PERCENTILES).tolist()
    return min(low, value), max(high, value)


def rate_of(errors: int, count: int, resampled: NDArray[np.float64], independent: int) -> Rate:
    """The rate of `errors` among `count` > 0 comparisons, with its interval from the rates in the draws (D,).

    independent  how many of the comparisons are independent of each other, `pairs_of_people`
    """
    value = errors / count
    return Rate(value, *share_interval(value, resampled, independent, count), errors, count)


def share_interval(value: float, resampled: NDArray[np.float64], independent: int, count: int) -> tuple[float, float]:
    """The `interval` of a share among `count` comparisons, widened to hold that of trials: Wilson's, and the rule of
    three's ends, so that one more error than none doesn't make it narrower.

    independent  as of `rate_of`: the fewest trials that the comparisons are taken for; the most are all of them
    """
    low, high = interval(value, resampled)
    known = resampled[~np.isnan(resampled)]
    variance = float(known.var()) if len(known) else math.inf
    trials = min(count, max(independent, value * (1 - value) / variance)) if variance else count
    least, most = _wilson(value, trials)
    margin = min(1.0, 3 / independent)
    low = min(low, 1 - margin) if value == 1 else min(low, least, 1 - margin)
    high = max(high, margin) if value == 0 else max(high, most, margin)
    return low, high


def rate(events: NDArray[np.bool_], people: NDArray[np.integer[Any]], *, draws: int = DRAWS, seed: int = 0) -> Rate:
    """The rate of errors, or of whatever else happens to pairs or to single people, with its interval.

    events  to which of them it happened, bool (P,)
    people  who is on the two sides of each, int (P, 2); the same number twice for one person

    Raises DataError where there are none.
    """
    if not len(events):
        raise DataError("there are no comparisons", remedy="take a larger set")
    draws = affordable_draws(len(events), draws)
    if people_in(people) < FEWEST_PEOPLE:
        resampled = np.full(draws, np.nan)
    else:
        counts = weighted_counts(people, events, 2, draws=draws, seed=seed)
        resampled = shares(counts[:, 1], counts.sum(axis=1))
    return rate_of(int(np.count_nonzero(events)), len(events), resampled, pairs_of_people(people))


def difference(
    right: NDArray[np.bool_],
    other: NDArray[np.bool_],
    people: NDArray[np.integer[Any]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """By how much the share of `right` is above that of `other`, two decisions on each of the same pairs, bool (P,).

    people  as of `rate`. Each draw gives both shares of the same people, so that what makes a pair hard for both
            decisions is not in the interval. Where the two never differ, it goes from -3 / n to 3 / n, n the different
            pairs of people.

    Raises DataError where there are no pairs.
    """
    if not len(right):
        raise DataError("there are no comparisons", remedy="take a larger set")
    draws = affordable_draws(len(right), draws)
    change = right.astype(np.int8) - other.astype(np.int8)
    value = float(change.mean())
    if people_in(people) < FEWEST_PEOPLE:
        return Estimate(value, -1.0, 1.0)
    counts = weighted_counts(people, change + 1, 3, draws=draws, seed=seed)
    resampled = shares(counts[:, 2] - counts[:, 0], counts.sum(axis=1))
    low, high = interval(value, resampled, lowest=-1.0)
    if not change.any():
        margin = min(1.0, 3 / pairs_of_people(people))
        low, high = min(low, -margin), max(high, margin)
    return Estimate(value, low, high)


def independent_rate(errors: int, count: int) -> Rate:
    """The rate of errors among comparisons that are taken as independent of each other, with Wilson's interval.

    Without any comparison the rate is 0 and its interval goes from 0 to 1.
    """
    if count == 0:
        return Rate(0.0, 0.0, 1.0, 0, 0)
    value = errors / count
    low, high = _wilson(value, count)
    margin = min(1.0, 3 / count)
    low = 0.0 if errors == 0 else 1 - margin if errors == count else low
    high = 1.0 if errors == count else margin if errors == 0 else high
    return Rate(value, low, high, errors, count)


def _wilson(value: float, count: float) -> tuple[float, float]:
    """Wilson's interval of a share of `count` trials."""
    z = 1.959964
    middle = (value + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(value * (1 - value) / count + z**2 / (4 * count**2))
    return max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half))


def people_in(people: NDArray[np.integer[Any]]) -> int:
    """How many different people occur in `people`, int (P, 2)."""
    return int(np.count_nonzero(np.bincount(people.ravel(), minlength=1)))


def pairs_of_people(people: NDArray[np.integer[Any]]) -> int:
    """How many different pairs of people occur in `people`, int (P, 2), P > 0, a person alone counted as one too."""
    first, second = people[:, 0].astype(np.int64), people[:, 1]
    pairs = np.minimum(first, second) * (int(people.max()) + 1) + np.maximum(first, second)
    pairs.sort()
    return 1 + int(np.count_nonzero(np.diff(pairs)))


def shares(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, which is broadcast to it; NaN where the whole is 0."""
    result: NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return result
