"""Pairs for ten folds where a set prescribes none."""

import numpy as np

from sface.evaluate.figures.pairs import sample_pairs
from sface.evaluate.protocols.photo_pairs import IN_TEN_FOLDS, in_turns


def test_pairs_of_ten_folds_are_those_that_drawing_gives() -> None:
    """Numbers drawn from the list are the pairs that `sample_pairs` draws itself."""
    labels = np.repeat(np.arange(150), 8)
    every = {kind: sample_pairs(labels, genuine=kind) for kind in (True, False)}
    same = np.repeat([True, False], [len(every[True]), len(every[False])])
    folds = in_turns(same)
    assert folds is not None and len(folds) == 2 * IN_TEN_FOLDS
    together = np.concatenate([every[True], every[False]])
    for offset, kind in enumerate((True, False)):
        expected = sample_pairs(labels, genuine=kind, limit=IN_TEN_FOLDS)
        assert np.array_equal(together[folds[offset::2]], expected)
    other = in_turns(same, seed=1)
    assert other is not None and not np.array_equal(other, folds)


def test_too_few_pairs_for_ten_folds() -> None:
    assert in_turns(np.array([True] * 4 + [False] * 9)) is None
    assert in_turns(np.array([True] * 5 + [False] * 5)) is not None
    assert in_turns(np.zeros(20, dtype=bool)) is None
