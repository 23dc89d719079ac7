"""Pairs of people's faces, and their similarities."""

from itertools import combinations

import numpy as np
import pytest

from sface.evaluate.figures.pairs import sample_pairs, similarities


def as_set(pairs: np.ndarray) -> set[frozenset[int]]:
    found = {frozenset(pair) for pair in pairs.tolist()}
    assert len(found) == len(pairs), "a pair came twice"
    return found


@pytest.mark.parametrize("labels", [[3, 1, 3, 3, 2, 1], [0, 0], [0, 1], [5], [], [7] * 6, list(range(6))])
def test_all_pairs_of_a_small_set(labels: list[int]) -> None:
    array = np.array(labels, dtype=np.int64)
    for genuine in (True, False):
        expected = {
            frozenset((a, b)) for a, b in combinations(range(len(labels)), 2) if (labels[a] == labels[b]) == genuine
        }
        pairs = sample_pairs(array, genuine=genuine)
        assert pairs.shape == (len(expected), 2)
        assert pairs.dtype == np.int64
        assert as_set(pairs) == expected


@pytest.mark.parametrize("genuine", [True, False])
def test_a_drawn_part_is_a_part_and_the_same_for_the_same_seed(genuine: bool) -> None:
    labels = np.random.default_rng(0).integers(0, 8, 60)
    whole = as_set(sample_pairs(labels, genuine=genuine))
    part = sample_pairs(labels, genuine=genuine, limit=150, seed=1)
    assert len(part) == 150 < len(whole)
    assert as_set(part) < whole
    assert np.array_equal(part, sample_pairs(labels, genuine=genuine, limit=150, seed=1))
    assert as_set(part) != as_set(sample_pairs(labels, genuine=genuine, limit=150, seed=2))


def test_pairs_are_drawn_evenly() -> None:
    labels = np.repeat([0, 1, 2], [12, 3, 5])
    counts = np.zeros((20, 20))
    for seed in range(2000):
        first, second = sample_pairs(labels, genuine=False, limit=11, seed=seed).T
        np.add.at(counts, (first, second), 1)
    drawn = (counts + counts.T)[labels[:, None] != labels[None, :]]
    pairs = len(drawn) // 2
    assert pairs == 12 * 3 + 12 * 5 + 3 * 5
    expected = 2000 * 11 / pairs
    assert np.abs(drawn - expected).max() < 5 * np.sqrt(expected)


def test_a_set_too_large_to_list_its_pairs() -> None:
    labels = np.arange(200_000) // 4
    pairs = sample_pairs(labels, genuine=False, limit=1000)
    assert len(as_set(pairs)) == 1000
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    assert pairs.max() > 150_000


def test_similarities_are_the_cosines_of_the_pairs() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (50, 32))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    exact = unit.astype(np.float64)
    pairs = generator.integers(0, 50, (10_000, 2))
    cosines = similarities(unit, pairs)
    assert cosines.dtype == np.float64
    for index in (0, 1, 4095, 4096, 9999):
        a, b = pairs[index]
        expected = vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])
        assert cosines[index] == pytest.approx(expected, abs=1e-6)
        assert cosines[index] == pytest.approx(exact[a] @ exact[b], abs=1e-14)  # float64, as a decision is
    assert similarities(unit, np.empty((0, 2), dtype=np.int64)).shape == (0,)
