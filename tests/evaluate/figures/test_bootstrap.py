"""Intervals over people, against loops over people and pairs, and on simulated people whose true rates are known."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from sface.errors import DataError
from sface.evaluate.figures.bootstrap import (
    affordable_draws,
    difference,
    independent_rate,
    interval,
    pairs_of_people,
    rate,
    weighted_counts,
)


def alone(count: int) -> np.ndarray:
    """A pair of each person's own."""
    return np.stack([np.arange(count)] * 2, axis=1)


def weights_of(count: int, draws: int, seed: int) -> np.ndarray:
    """How often each of `count` people is in each draw, (draws, count)."""
    return weighted_counts(alone(count), np.arange(count), count, draws=draws, seed=seed)


def pair_weight(weights: np.ndarray, first: int, second: int) -> float:
    return float(weights[first] if first == second else weights[first] * weights[second])


def test_a_draw_is_of_as_many_people_as_there_are() -> None:
    weights = weights_of(40, 3000, seed=0)
    assert (weights.sum(axis=1) == 40).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(40), abs=0.1)
    assert weights.var() == pytest.approx(1 - 1 / 40, abs=0.02)
    assert np.cov(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(-1 / 40, abs=0.06)


def test_pairs_count_as_often_as_their_people_were_drawn() -> None:
    generator = np.random.default_rng(1)
    people, group = generator.integers(0, 6, (300, 2)), generator.integers(0, 5, 300)
    people[:6] = alone(6)  # all occur
    weights = weights_of(6, 20, seed=3)
    counts = weighted_counts(people, group, 5, draws=20, seed=3)
    for draw in range(20):
        expected = [0.0] * 5
        for (first, second), of in zip(people.tolist(), group.tolist(), strict=True):
            expected[of] += pair_weight(weights[draw], first, second)
        assert counts[draw].tolist() == expected


def test_large_groups_are_counted_exactly() -> None:
    """Beyond what the numbers of 16 bits hold in which parts of them are summed up."""
    people = np.tile([[0, 1], [2, 2], [3, 4]], (100_000, 1))
    counts = weighted_counts(people, np.zeros(len(people), dtype=np.int64), 1, draws=50, seed=0)[:, 0]
    weights = weights_of(5, 50, seed=0)
    assert counts.tolist() == [100_000 * (w[0] * w[1] + w[2] + w[3] * w[4]) for w in weights]
    assert counts.max() > 2**18


def test_draws_do_not_depend_on_how_people_are_numbered() -> None:
    generator = np.random.default_rng(2)
    people, group = generator.integers(0, 9, (200, 2)), generator.integers(0, 3, 200)
    counts = weighted_counts(people, group, 3, draws=150, seed=4)
    assert np.array_equal(weighted_counts(people * 1000 + 7, group, 3, draws=150, seed=4), counts)
    assert np.array_equal(weighted_counts(people, group, 3, draws=149, seed=4), counts[:149])
    assert not np.array_equal(weighted_counts(people, group, 3, draws=150, seed=5), counts)


def test_a_rate_and_its_interval_by_loops() -> None:
    generator = np.random.default_rng(3)
    people = np.concatenate([alone(12), generator.integers(0, 12, (150, 2))])
    wrong = generator.random(len(people)) < 0.2
    weights = weights_of(12, 400, seed=6)
    drawn = []
    for draw in weights:
        counted = [pair_weight(draw, *pair) for pair in people.tolist()]
        drawn.append(sum(w for w, error in zip(counted, wrong, strict=True) if error) / sum(counted))
    drawn.sort()
    result = rate(wrong, people, draws=400, seed=6)
    assert (result.errors, result.count, result.value) == (wrong.sum(), 162, wrong.mean())
    # The percentiles lie between neighbours: 2.5 % of 399 steps is 9.975, 97.5 % is 389.025.
    assert drawn[9] <= result.low <= drawn[10]
    assert drawn[389] <= result.high <= drawn[390]
    assert rate(wrong, people, draws=400, seed=6) == result
    assert rate(wrong, people, draws=400, seed=7) != result
    assert rate(wrong, people, draws=50, seed=6) != result


@settings(deadline=None)
@given(sides=st.lists(st.tuples(*[st.integers(0, 9)] * 2), min_size=1, max_size=60), step=st.sampled_from([1, 10**8]))
def test_different_pairs_of_people(sides: list[tuple[int, int]], step: int) -> None:
    people = step * np.array(sides, dtype=np.int32)
    assert pairs_of_people(people) == len(set(map(frozenset, sides)))


def test_where_nothing_or_all_went_wrong_three_of_n_people_are_left() -> None:
    people = np.repeat(alone(60), 7, axis=0)
    none, all_ = np.zeros(420, dtype=bool), np.ones(420, dtype=bool)
    assert (rate(none, people).low, rate(none, people).value, rate(none, people).high) == (0, 0, 0.05)
    assert (rate(all_, people).low, rate(all_, people).value, rate(all_, people).high) == (0.95, 1, 1)
    assert difference(all_, all_, people).low == -difference(all_, all_, people).high == -0.05


def test_people_who_look_alike_do_so_on_all_their_photos() -> None:
    """One of 1,000 pairs of people is alike, and then of their pairs of photos three of ten match. The intervals hold
    that rate, also of sets that show no error: where photos are independent they would end at 3 / 174,000."""
    generator, photos, truth = np.random.default_rng(0), 20, 1e-3 * 0.3
    people = np.repeat(np.stack(np.triu_indices(30, 1), axis=1), photos**2, axis=0)
    held, spotless = 0, 0
    for _ in range(40):
        alike = np.repeat(generator.random(435) < 1e-3, photos**2)
        told = rate(alike & (generator.random(len(people)) < 0.3), people, draws=100)
        held += told.low <= truth <= told.high
        if told.errors == 0:
            assert (told.low, told.high) == (0, 3 / 435)
            spotless += 1
    assert held >= 38
    assert spotless > 20


@pytest.mark.parametrize("count", [50, 300])
def test_few_errors_are_told_as_widely_as_those_of_independent_pairs(count: int) -> None:
    """Of pairs that share nobody the interval holds Wilson's, and its upper end never falls when an error is added."""
    people = np.arange(2 * count).reshape(-1, 2)
    told = [rate(np.arange(count) < errors, people, draws=200) for errors in range(count // 5)]
    assert told[0].high == 3 / count
    for errors, each in enumerate(told[1:], 1):
        expected = binomtest(errors, count).proportion_ci(method="wilson")
        assert each.low <= expected.low + 1e-6
        assert each.high >= expected.high - 1e-6
    assert (np.diff([each.high for each in told]) >= 0).all()
    wrong = [rate(np.arange(count) >= errors, people, draws=200) for errors in range(5)]
    ends = np.array([(each.low, each.high) for each in wrong])
    assert ends == pytest.approx(np.array([(1 - each.high, 1 - each.low) for each in told[:5]]))


def test_errors_of_one_person_count_as_of_one() -> None:
    """Twenty errors in 1,000 pairs, all of one of 50 people; and errors of all people, where draws tell enough."""
    people = np.repeat(alone(50), 20, axis=0)
    of_one, of_all = (rate(wrong, people) for wrong in (people[:, 0] == 7, np.arange(1000) % 20 < 4))
    assert of_one.high == pytest.approx(binomtest(1, 50).proportion_ci(method="wilson").high, rel=0.15)
    assert of_all.high - of_all.low < 0.06


@pytest.mark.parametrize("people", [np.zeros((50, 2), dtype=np.int32), np.tile([[0, 1], [2, 3]], (25, 1))])
def test_a_handful_of_people_says_nothing(people: np.ndarray) -> None:
    wrong = np.arange(50) % 5 == 0
    assert (rate(wrong, people).low, rate(wrong, people).value, rate(wrong, people).high) == (0, 0.2, 1)
    change = difference(~wrong, wrong, people)
    assert (change.low, change.value, change.high) == (-1, 0.6, 1)


def test_draws_in_which_no_pair_is_left() -> None:
    """Of one pair of two among many people, nearly two thirds of the draws."""
    people = np.concatenate([[[0, 1]], alone(30)])
    counts = weighted_counts(people, np.array([0] + [1] * 30), 2, draws=500, seed=0)
    drawn = np.where(counts[:, 0] > 0, 1.0, np.nan)
    assert interval(0.3, drawn) == (0, 1)
    assert interval(0.3, np.array([np.nan, 0.2, 0.4])) == pytest.approx((0.205, 0.395))
    assert interval(0.1, np.array([0.2, 0.4])) == pytest.approx((0.1, 0.395))  # holds the value
    assert interval(0.3, np.array([])) == (0, 1)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), pairs=st.integers(1, 40), people=st.integers(1, 12))
def test_an_interval_is_never_empty(data: Any, pairs: int, people: int) -> None:
    sides = np.array(
        data.draw(st.lists(st.tuples(*[st.integers(0, people - 1)] * 2), min_size=pairs, max_size=pairs)),
        dtype=np.int32,
    )
    wrong, other = (np.array(data.draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs))) for _ in range(2))
    result = rate(wrong, sides, draws=30)
    assert 0 <= result.low <= result.value <= result.high <= 1
    assert result.low < result.high or 0 < result.value < 1
    change = difference(wrong, other, sides, draws=30)
    assert -1 <= change.low <= change.value <= change.high <= 1


def test_without_comparisons_there_is_no_rate() -> None:
    nothing = np.zeros(0, dtype=bool), np.zeros((0, 2), dtype=np.int32)
    with pytest.raises(DataError, match="no comparisons"):
        rate(*nothing)
    with pytest.raises(DataError, match="no comparisons"):
        difference(nothing[0], *nothing)


def test_intervals_hold_the_true_rates_of_people_who_differ() -> None:
    """Similarities that share their people's ease: at least nine intervals of ten hold the true rate, where those of
    independent pairs miss it every other time."""
    generator, people, threshold = np.random.default_rng(0), 60, -0.5
    owner = np.repeat(np.arange(people), 3)
    first, second = np.triu_indices(people, 1)
    spread = math.sqrt(1 + 2 * 0.7**2)
    true_fnmr, true_fmr = norm.cdf((threshold - 2) / spread), norm.sf((threshold + 2) / spread)
    held = np.zeros(3)
    for _ in range(100):
        ease = generator.normal(0, 0.7, people)
        genuine = 2 + math.sqrt(2) * ease[owner] + generator.normal(0, 1, len(owner))
        impostor = -2 + ease[first] + ease[second] + generator.normal(0, 1, len(first))
        fnmr = rate(genuine < threshold, np.stack([owner, owner], axis=1), draws=200)
        fmr = rate(impostor >= threshold, np.stack([first, second], axis=1), draws=200)
        naive = independent_rate(fmr.errors, fmr.count)
        held += [
            fnmr.low <= true_fnmr <= fnmr.high, fmr.low <= true_fmr <= fmr.high, naive.low <= true_fmr <= naive.high
        ]  # fmt: skip
    assert held[0] >= 84  # 90 expected of so few errors
    assert held[1] >= 86
    assert held[2] <= 60


def test_a_difference_of_two_decisions_by_loops() -> None:
    generator = np.random.default_rng(5)
    people = np.concatenate([alone(10), generator.integers(0, 10, (80, 2))])
    right, other = generator.random((2, 90)) < [[0.9], [0.7]]
    weights = weights_of(10, 200, seed=2)
    drawn = []
    for draw in weights:
        counted = [pair_weight(draw, *pair) for pair in people.tolist()]
        gained = sum(w * (int(a) - int(b)) for w, a, b in zip(counted, right, other, strict=True))
        drawn.append(gained / sum(counted))
    result = difference(right, other, people, draws=200, seed=2)
    assert result.value == pytest.approx(right.mean() - other.mean())
    assert (result.low, result.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    opposite = difference(other, right, people, draws=200, seed=2)
    assert (opposite.value, opposite.low, opposite.high) == pytest.approx((-result.value, -result.high, -result.low))
    assert difference(right, other, people, draws=200, seed=3).low != result.low


def test_what_is_hard_for_both_is_not_in_their_difference() -> None:
    generator = np.random.default_rng(6)
    people = alone(1000)
    right = generator.random(1000) < 0.7
    other = right & (generator.random(1000) < 0.98)
    change, single = difference(right, other, people), rate(right, people)
    assert change.low > 0
    assert change.high - change.low < (single.high - single.low) / 2


@pytest.mark.parametrize(("errors", "count"), [(1, 3), (7, 50), (49, 50), (200, 7701)])
def test_wilsons_interval(errors: int, count: int) -> None:
    expected = binomtest(errors, count).proportion_ci(method="wilson")
    result = independent_rate(errors, count)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert result.value == errors / count


def test_independent_comparisons_without_errors_or_at_all() -> None:
    assert (independent_rate(0, 600).low, independent_rate(0, 600).high) == (0, 0.005)
    assert (independent_rate(600, 600).low, independent_rate(600, 600).high) == (0.995, 1)
    assert independent_rate(0, 2).high == 1
    assert (independent_rate(0, 0).low, independent_rate(0, 0).high) == (0, 1)


def test_very_large_sets_get_fewer_draws() -> None:
    assert affordable_draws(6000) == affordable_draws(10_000_000) == 1000
    assert affordable_draws(6000, 50) == affordable_draws(10**9, 50) == 50
    assert affordable_draws(20_000_000) == 500
    assert affordable_draws(10**9) == 200
