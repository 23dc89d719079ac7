"""How much more accurate one network is than another on the same pairs."""

import dataclasses

import numpy as np
import pytest

from sface.evaluate.evaluated_model import EvaluatedSet
from sface.evaluate.figures.accuracy_gain import accuracy_change, accuracy_gain
from sface.evaluate.figures.bootstrap import difference

from ..evaluations import drawn_comparisons, evaluated_set


def noisy(seed: int, noise: float) -> EvaluatedSet:
    """One drawn set, its similarities with other noise for each seed."""
    drawn = drawn_comparisons(pairs=1000)
    similarity = drawn.similarity + np.random.default_rng(seed).normal(0, noise, len(drawn))
    return evaluated_set(dataclasses.replace(drawn, similarity=np.clip(similarity, -1, 1)))


def test_what_is_hard_for_both_is_not_in_the_interval() -> None:
    """Their own intervals overlap; that of the difference leaves 0 out, as a count of the pairs says."""
    better, worse = noisy(1, 0.01), noisy(3, 0.06)
    one, other = better.figures.accuracy, worse.figures.accuracy
    gain = accuracy_gain(better, worse)
    assert one is not None and other is not None and gain is not None
    assert one.low < other.high
    assert gain.value == one.value - other.value > 0
    assert 0 < gain.low < gain.value < gain.high
    won, lost = (one.right & ~other.right).sum(), (other.right & ~one.right).sum()
    # Of independent pairs; people add a little.
    spread = 1.96 * np.sqrt(won + lost) / 1000
    assert 0.6 * spread < (gain.high - gain.low) / 2 < 1.6 * spread
    back = accuracy_gain(worse, better)
    assert back is not None and back.value == -gain.value


def test_people_are_those_of_the_pairs_that_the_folds_take() -> None:
    one, other = noisy(1, 0.01).comparisons, noisy(3, 0.06).comparisons
    folds = np.random.default_rng(0).permutation(1000)[:400]
    better, worse = (evaluated_set(dataclasses.replace(each, ten_folds=folds)) for each in (one, other))
    right, wrong = better.figures.accuracy, worse.figures.accuracy
    assert right is not None and wrong is not None
    change = difference(right.right, wrong.right, one.people[folds], draws=50, seed=4)
    found = accuracy_change(right, wrong, better.comparisons, draws=50, seed=4)
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(change), abs=1e-12)
    assert accuracy_gain(better, worse, draws=50, seed=4) == found


def test_the_same_network_gains_nothing() -> None:
    one = noisy(1, 0.02)
    gain = accuracy_gain(one, noisy(1, 0.02))
    assert gain is not None
    assert gain.value == 0
    pairs = len({frozenset(pair) for pair in one.comparisons.people.tolist()})
    assert [gain.low, gain.high] == pytest.approx([-3 / pairs, 3 / pairs])


def test_other_pairs_or_no_folds_cannot_be_compared() -> None:
    drawn = drawn_comparisons()
    others = [
        drawn_comparisons(pairs=300),
        drawn_comparisons(folds=False),
        dataclasses.replace(drawn, ten_folds=drawn.ten_folds[::-1] if drawn.ten_folds is not None else None),
        dataclasses.replace(drawn, people=drawn.people + 1),
    ]
    for other in others:
        assert accuracy_gain(evaluated_set(drawn), evaluated_set(other)) is None
        assert accuracy_gain(evaluated_set(other), evaluated_set(drawn)) is None
