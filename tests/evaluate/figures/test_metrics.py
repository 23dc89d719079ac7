"""The arithmetic of verification against counts by hand and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from sface.errors import DataError, UsageError
from sface.evaluate.figures.metrics import (
    MARGIN,
    lowest_threshold,
    pairs_needed,
    squared_distances,
    ten_fold_accuracy,
    threshold_at_fmr,
)
from sface.model_files.metadata import ModelMetadata, from_props


def test_twenty_impostors_by_hand() -> None:
    scores = [step / 20 for step in range(20)]
    threshold, fmr = threshold_at_fmr(scores, 0.2)  # 0.8 and above may pass, 0.75 may not
    assert threshold == pytest.approx(0.75 + MARGIN, abs=1e-12)
    assert fmr == 0.2
    assert threshold_at_fmr(scores, 0.24) == (threshold, 0.2)  # 4.8 pairs are 4
    threshold, fmr = threshold_at_fmr(scores, 0.15)
    assert threshold == pytest.approx(0.8 + MARGIN, abs=1e-12)
    assert fmr == 0.15


def test_equal_impostors_stay_together() -> None:
    scores = [0.1] * 14 + [0.5] * 4 + [0.9] * 2
    threshold, fmr = threshold_at_fmr(scores, 0.2)
    assert 0.5 < threshold < 0.9  # letting one 0.5 pass lets all pass: 30 %
    assert fmr == 0.1
    threshold, fmr = threshold_at_fmr(scores, 0.3)
    assert threshold == pytest.approx(0.1 + MARGIN, abs=1e-12)
    assert fmr == 0.3
    threshold, fmr = threshold_at_fmr([0.5] * 10, 0.5)
    assert threshold > 0.5
    assert fmr == 0


def test_a_share_that_rounds_down_when_multiplied() -> None:
    scores = np.linspace(0, 0.99, 100)
    assert int(0.29 * 100) == 28
    assert threshold_at_fmr(scores, 0.29)[1] == 0.29


def test_neighbours_nearer_than_the_margin_are_told_apart() -> None:
    low = 0.5
    for high in (low + 1e-9, float(np.nextafter(low, 1))):
        threshold, fmr = threshold_at_fmr([0.0] * 26 + [low, high, high, high], 0.1)
        assert low < threshold <= high
        assert fmr == 0.1


def test_too_few_impostors_says_how_many_it_takes() -> None:
    with pytest.raises(DataError, match=r"0\.001 takes 3,000 impostor pairs or more to measure, there are 2,999"):
        threshold_at_fmr(np.zeros(2999), 1e-3)
    assert threshold_at_fmr(np.linspace(0, 0.5, 3000), 1e-3)[1] == 1e-3
    with pytest.raises(DataError, match="there are 0"):
        threshold_at_fmr([], 0.1)


def test_three_errors_must_be_possible() -> None:
    rates = [0.9, 0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 3e-7]
    assert [pairs_needed(rate) for rate in rates] == [4, 6, 30, 300, 3000, 30_000, 300_000, 3_000_000, 10_000_000]
    assert pairs_needed(1e-307) > 10**300


@pytest.mark.parametrize("fmr", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_rate_that_is_no_share(fmr: float) -> None:
    with pytest.raises(UsageError, match="above 0 and below 1"):
        threshold_at_fmr([0.1, 0.2], fmr)
    with pytest.raises(UsageError, match="above 0 and below 1"):
        pairs_needed(fmr)


def test_the_same_photo_under_two_names() -> None:
    with pytest.raises(DataError, match="under two names, or the network tells no faces apart"):
        threshold_at_fmr([0.1] * 10 + [1.0] * 10, 0.2)
    assert lowest_threshold(np.array([0.1, 1.0, 1.0]), 0.5) > 1


def test_a_rate_of_one_lets_everything_pass() -> None:
    assert lowest_threshold(np.array([-0.4, 0.1]), 1) == -np.inf
    assert -0.4 < lowest_threshold(np.array([-0.4, 0.1]), 0.99) < 0.1


def test_similarities_that_are_no_numbers() -> None:
    with pytest.raises(DataError, match="not a number"):
        threshold_at_fmr([0.1, float("nan"), 0.3], 0.5)


@settings(deadline=None)
@given(
    scores=st.lists(st.integers(-40, 40).map(lambda value: np.float32(value / 50)), min_size=1, max_size=120),
    fmr=st.floats(0.02, 0.98, allow_subnormal=False),
)
def test_threshold_is_the_smallest_that_keeps_the_rate(scores: list[np.float32], fmr: float) -> None:
    if len(scores) < 3 / fmr:
        with pytest.raises(DataError):
            threshold_at_fmr(scores, fmr)
        return
    threshold, measured = threshold_at_fmr(np.array(scores), fmr)
    assert measured == sum(float(score) >= threshold for score in scores) / len(scores) <= fmr
    # The next lower score that could be let pass would break the rate.
    lower = [float(score) for score in scores if float(score) < threshold]
    assert sum(float(score) >= max(lower) for score in scores) / len(scores) > fmr


def test_a_threshold_decides_after_storing_as_it_did_before() -> None:
    scores = np.random.default_rng(0).normal(0, 0.2, 5000).clip(-1, 1)
    threshold, fmr = threshold_at_fmr(scores, 0.01)
    stored = ModelMetadata(
        preprocess="raw", input_size=112, input_scale=1.0, embedding_size=4, threshold=threshold, fmr=fmr
    )
    read = from_props(stored.to_props(), "model.onnx")
    assert read is not None and read.threshold is not None
    assert np.mean(scores >= read.threshold) == fmr == read.fmr


def reference_ten_fold(distances: np.ndarray, same: np.ndarray) -> tuple[float, float, float]:
    """The protocol in words: for each fold try every threshold on the other nine, take the first best."""
    accuracies, thresholds = [], []
    for train, test in KFold(n_splits=10, shuffle=False).split(distances):
        best_threshold, best_accuracy = 0.0, -1.0
        for step in range(400):
            accuracy = float(np.mean((distances[train] < step * 0.01) == same[train]))
            if accuracy > best_accuracy:
                best_threshold, best_accuracy = step * 0.01, accuracy
        thresholds.append(best_threshold)
        accuracies.append(float(np.mean((distances[test] < best_threshold) == same[test])))
    return float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(thresholds))


@pytest.mark.parametrize("count", [10, 57, 600])
@pytest.mark.parametrize("on_the_grid", [False, True])
def test_ten_fold_accuracy_equals_the_protocol_in_words(count: int, on_the_grid: bool) -> None:
    generator = np.random.default_rng(count)
    same = generator.random(count) < 0.5
    distances = np.where(same, generator.normal(1.2, 0.4, count), generator.normal(1.8, 0.4, count)).clip(0, 4)
    if on_the_grid:
        distances = np.round(distances, 1)  # many equal ones, exactly on thresholds
    result = ten_fold_accuracy(distances, same)
    assert (result.accuracy, result.std, result.threshold) == pytest.approx(reference_ten_fold(distances, same))
    folds = [np.mean(result.right[fold]) for _, fold in KFold(n_splits=10).split(distances)]
    assert (np.mean(folds), np.std(folds)) == pytest.approx((result.accuracy, result.std))


def test_ten_fold_accuracy_by_hand() -> None:
    same = np.array([True, False] * 10)
    result = ten_fold_accuracy(np.where(same, 0.505, 1.0), same)
    assert result.accuracy == 1
    assert result.std == 0
    assert result.threshold == pytest.approx(0.51)  # the smallest threshold above 0.505
    assert result.right.all()
    assert ten_fold_accuracy(np.where(same, 0.5, 1.0), same).threshold == pytest.approx(0.51)  # strictly below
    wrong = np.arange(20) == 7
    assert ten_fold_accuracy(np.where(same, 0.505, 1.0), same ^ wrong).right.tolist() == (~wrong).tolist()
    with pytest.raises(DataError, match="ten pairs"):
        ten_fold_accuracy(np.zeros(9), np.ones(9, dtype=bool))
    with pytest.raises(DataError, match="12 distances and 11 decisions"):
        ten_fold_accuracy(np.zeros(12), np.ones(11, dtype=bool))


def test_squared_distances_are_those_of_unit_vectors() -> None:
    first = np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0]], dtype=np.float32)
    second = np.array([[9.0, 0.0], [0.0, -7.0], [5.0, 0.0]], dtype=np.float32)
    assert squared_distances(first, second) == pytest.approx([0, 4, 2 - np.sqrt(2)], abs=1e-12)
