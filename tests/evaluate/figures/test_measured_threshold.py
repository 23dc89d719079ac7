"""The threshold for a false match rate and its intervals, counted again pair by pair and draw by draw."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sface.errors import DataError, UsageError
from sface.evaluate.figures.measured_threshold import measure_threshold, must_support

PEOPLE, PHOTOS = 30, 4


@pytest.fixture(scope="module")
def faces() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit embeddings of thirty people, some of whom are much alike, and who each is."""
    generator = np.random.default_rng(0)
    people = generator.normal(0, 1, (PEOPLE, 24))
    people[1::3] += 0.8 * people[::3]
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    vectors = people[labels] + generator.normal(0, 0.9, (len(labels), 24))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def test_threshold_and_rates_counted_again(faces: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    units, labels = faces
    exact = units.astype(float)
    impostor: list[float] = []
    genuine: list[float] = []
    for a, b in combinations(range(len(labels)), 2):
        (genuine if labels[a] == labels[b] else impostor).append(exact[a] @ exact[b])
    result = measure_threshold(units, labels, 0.01)
    errors = sum(score >= result.threshold for score in impostor)
    assert errors == int(0.01 * len(impostor))
    assert (result.fmr.errors, result.fmr.count) == (errors, len(impostor))
    assert result.fmr.value == errors / len(impostor)
    misses = sum(score < result.threshold for score in genuine)
    assert (result.fnmr.errors, result.fnmr.count, result.fnmr.value) == (misses, len(genuine), misses / len(genuine))
    assert result.people == PEOPLE
    assert sorted(impostor)[-errors - 1] < result.threshold <= sorted(impostor)[-errors]


def test_intervals_are_over_people(faces: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    """People are drawn, not pairs: matrices of who was drawn how often, in place of lists of pairs."""
    units, labels = faces
    result = measure_threshold(units, labels, 0.01)
    same = (units.astype(float) @ units.T >= result.threshold).astype(float)
    generator = np.random.default_rng(99)
    fmrs, fnmrs = [], []
    for _ in range(4000):
        weights = np.bincount(generator.integers(PEOPLE, size=PEOPLE), minlength=PEOPLE)[labels].astype(float)
        of_pair = np.outer(weights, weights) * (labels[:, None] != labels)
        fmrs.append((of_pair * same).sum() / of_pair.sum())
        of_pair = weights[:, None] * ((labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool))
        fnmrs.append((of_pair * (1 - same)).sum() / of_pair.sum())
    for rate, drawn in ((result.fmr, fmrs), (result.fnmr, fnmrs)):
        low, high = np.percentile(drawn, (2.5, 97.5))
        assert (rate.low, rate.high) == pytest.approx((low, high), abs=0.15 * (high - low))
        of_pairs = 2 * 1.96 * np.sqrt(rate.value * (1 - rate.value) / rate.count)
        assert rate.high - rate.low > 1.3 * of_pairs


def test_without_a_false_non_match_the_rule_of_three(faces: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    units, labels = faces
    eye = np.eye(PEOPLE, dtype=np.float32)[labels] + 0.3 * np.pad(units, ((0, 0), (0, PEOPLE - 24)))
    result = measure_threshold(eye / np.linalg.norm(eye, axis=1, keepdims=True), labels, 0.01)
    assert (result.fnmr.value, result.fnmr.low) == (0, 0)
    assert result.fnmr.high == 3 / PEOPLE


def test_as_many_pairs_as_the_rate_takes_are_enough() -> None:
    labels = np.repeat([0, 1], [15, 20])  # 300 impostor pairs
    must_support(labels, 0.01)
    with pytest.raises(DataError) as error:
        must_support(labels, 0.0099)
    assert str(error.value) == (
        "a false match rate of 0.0099 takes 304 impostor pairs or more to measure, its 35 faces of 2 people make 300; "
        "take a larger set, of about 36 faces (3 people with 17.5 each), or fmr 0.01"
    )
    for fmr in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError):
            must_support(labels, fmr)


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 5))
def test_the_set_that_is_asked_for_is_about_large_enough(labels: list[int], digits: int) -> None:
    fmr = 10.0**-digits
    pairs = sum(a != b for a, b in combinations(labels, 2))
    if pairs * fmr >= 3 * (1 - 1e-9):
        must_support(np.array(labels), fmr)
        return
    with pytest.raises(DataError) as error:
        must_support(np.array(labels), fmr)
    words = str(error.value)
    assert f" make {pairs:,};" in words
    asked = int(words.partition("of about ")[2].partition(" faces")[0].replace(",", ""))
    own = np.mean([labels.count(label) for label in labels]) if labels else 1
    assert asked * (asked - own) / 2 >= 2.99 / fmr
    assert (asked - 2) * (asked - 2 - own) / 2 < 3.01 / fmr
    assert asked > len(labels)
    if pairs > 3:
        must_support(np.array(labels), float(words.rpartition(", or fmr ")[2]))
    else:
        assert ", or fmr" not in words


def test_sets_that_can_not_be_used() -> None:
    units = np.eye(40, dtype=np.float32)
    with pytest.raises(DataError, match="nobody has two faces"):
        measure_threshold(units, np.arange(40), 0.01)
    with pytest.raises(DataError, match=r"0 people make 0; .* about 25 faces"):
        measure_threshold(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64), 0.01)
