"""The closest distractors and the operating point, against whole matrices of similarities and loops over draws."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from sface.evaluate.figures.bootstrap import DRAWS, share_interval, weighted_counts
from sface.evaluate.figures.metrics import MARGIN, lowest_threshold
from sface.evaluate.figures.pairs import sample_pairs, similarities
from sface.evaluate.identification.closest_distractors import Closest, operating_point

PEOPLE = np.repeat(np.arange(7, dtype=np.int32), [3, 5, 4, 2, 6, 4, 3])
FMR = 0.01


def units(seed: int, count: int, dimension: int = 12) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def photos() -> NDArray[np.float32]:
    rows = units(1, 7)[PEOPLE] + 0.8 * units(2, len(PEOPLE))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("step", [1, 7, 300])
def test_the_highest_similarities_are_found(step: int) -> None:
    first, distractors = photos(), units(3, 300)
    closest = Closest(first, 4, 5)
    for start in range(0, 300, step):
        closest.add(distractors[start : start + step])
    closest.add(np.empty((0, 0), dtype=np.float32))  # a batch of which nothing could be read
    everything = first @ distractors.T
    assert closest.distractors == 300
    np.testing.assert_allclose(np.sort(closest.highest), np.sort(everything)[:, -4:], atol=1e-6)
    np.testing.assert_array_equal(closest.highest[:, 0], closest.highest.min(axis=1))
    top, photo = closest.top()
    assert len(top) > 5
    np.testing.assert_allclose(top, -np.sort(-everything.ravel())[: len(top)], atol=1e-6)
    for row in np.unique(photo):
        np.testing.assert_allclose(top[photo == row], -np.sort(-everything[row])[: (photo == row).sum()], atol=1e-6)


def test_fewer_distractors_than_ranks() -> None:
    closest = Closest(photos(), 4, 5)
    closest.add(units(3, 2))
    assert (np.isneginf(closest.highest).sum(axis=1) == 2).all()


def test_memory_does_not_grow_with_the_distractors() -> None:
    closest, block = Closest(units(1, 50, 4), 10, 100), units(2, 500, 4)
    tracemalloc.start()
    try:
        for _ in range(200):  # all similarities would be 20 MB
            closest.add(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def searched(distractors: int = 150) -> tuple[Closest, NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """What `operating_point` takes, and all similarities of photos and distractors."""
    first, others = photos(), units(3, distractors)
    closest = Closest(first, 1, int(FMR * len(first) * distractors))
    closest.add(others)
    pairs = sample_pairs(PEOPLE, genuine=True)
    return closest, (first @ others.T).astype(np.float64), similarities(first, pairs), PEOPLE[pairs[:, 0]]


def test_the_rates_are_those_of_all_pairs() -> None:
    closest, impostors, genuine, owners = searched()
    lost = np.array([0, 0, 0, 0, 0, 0, 3])
    point = operating_point(FMR, closest, PEOPLE, genuine, owners, lost)
    assert point.fmr_asked == FMR
    assert point.threshold == lowest_threshold(np.sort(impostors.ravel()), FMR)
    assert (point.fmr.errors, point.fmr.count) == (int((impostors >= point.threshold).sum()), impostors.size)
    assert point.fmr.errors == int(FMR * impostors.size)
    wrong = int((genuine < point.threshold).sum())
    assert 0 < wrong < len(genuine)
    assert (point.fnmr.errors, point.fnmr.count) == (wrong, len(genuine))
    assert (point.fnmr_with_failures.errors, point.fnmr_with_failures.count) == (wrong + 3, len(genuine) + 3)


def test_a_threshold_between_neighbours_and_one_above_all() -> None:
    """As `lowest_threshold` has them: what may match does, although what may not is nearly as similar."""
    first = np.eye(1, 2, dtype=np.float32).repeat(len(PEOPLE), axis=0)
    pairs = sample_pairs(PEOPLE, genuine=True)
    for highest, matching in (([0.6, 0.6 + 4e-7], len(PEOPLE)), ([1, 1], 0)):
        cosines = np.array([*highest, *[0.1] * 148])
        others = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)
        closest = Closest(first, 1, int(FMR * len(first) * 150))
        closest.add(1.0000001 * others)  # as rounding may have it
        point = operating_point(FMR, closest, PEOPLE, similarities(first, pairs), PEOPLE[pairs[:, 0]], np.zeros(7, int))
        assert point.fmr.errors == matching
        assert point.threshold <= 1 + MARGIN


def test_intervals_are_over_people_with_a_threshold_for_each_draw() -> None:
    closest, impostors, genuine, owners = searched()
    lost = np.array([2, 0, 0, 0, 0, 0, 3])
    point = operating_point(FMR, closest, PEOPLE, genuine, owners, lost)
    each = np.arange(7)
    rates = []
    for weights in weighted_counts(np.stack([each, each], axis=1), each, 7, draws=DRAWS, seed=0).astype(int):
        drawn = np.sort(np.repeat(impostors, weights[PEOPLE], axis=0).ravel())
        own = np.repeat(genuine, weights[owners])
        missed = (own < lowest_threshold(drawn, FMR)).sum()
        failed = (weights * lost).sum()
        rates.append(((drawn >= point.threshold).mean(), missed / len(own), (missed + failed) / (len(own) + failed)))
    shown, told = (7 * 300, 7, 7), (point.fmr, point.fnmr, point.fnmr_with_failures)
    for rate, drawn, independent in zip(told, np.array(rates).T, shown, strict=True):
        expected = share_interval(rate.value, drawn, independent, rate.count)
        assert (rate.low, rate.high) == pytest.approx(expected, abs=1e-9)


def test_without_an_error_three_of_the_people_are_left() -> None:
    """Nobody is like a distractor, and everybody like himself; of two people no pair could be compared."""
    first, others = np.eye(8, dtype=np.float32)[PEOPLE], np.eye(1, 8, 7, dtype=np.float32).repeat(150, axis=0)
    closest = Closest(first, 1, int(FMR * len(first) * 150))
    closest.add(others)
    pairs = sample_pairs(PEOPLE, genuine=True)
    kept = pairs[PEOPLE[pairs[:, 0]] < 5]
    lost = np.bincount(PEOPLE[pairs[:, 0]]) * (np.arange(7) >= 5)
    point = operating_point(FMR, closest, PEOPLE, similarities(first, kept), PEOPLE[kept[:, 0]], lost)
    assert (point.fmr.errors, point.fmr.low, point.fmr.high) == (0, 0, 3 / (7 * 150))
    assert (point.fnmr.errors, point.fnmr.low, point.fnmr.high) == (0, 0, 3 / 5)
    assert point.fnmr_with_failures.errors == lost.sum()


def test_of_a_few_people_nothing_is_known() -> None:
    closest, _, genuine, owners = searched()
    few = np.minimum(PEOPLE, 3)
    point = operating_point(FMR, closest, few, genuine, np.minimum(owners, 3), np.zeros(4, dtype=int))
    assert (point.fnmr.low, point.fnmr.high) == (point.fmr.low, point.fmr.high) == (0, 1)
