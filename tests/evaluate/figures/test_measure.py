"""All figures of a set against counts in loops, SciPy and scikit-learn; and sets that can't be measured."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.model_selection import KFold

from sface.errors import DataError, UsageError
from sface.evaluate.figures.bootstrap import difference, rate
from sface.evaluate.figures.comparisons import Comparisons
from sface.evaluate.figures.figures import Accuracy, Estimate, Figures, Rate
from sface.evaluate.figures.measure import FMRS, measure, measure_accuracy


def drawn_set(
    pairs: int = 2000, *, people: int = 150, apart: float = 0.5, failures: float = 0.0, digits: int = 9, seed: int = 0
) -> Comparisons:
    """Genuine and impostor pairs by turns; `apart`: by how much their similarities differ."""
    generator = np.random.default_rng(seed)
    same = np.arange(pairs) % 2 == 0
    sides = generator.integers(people, size=(pairs, 2)).astype(np.int32)
    sides[same, 1] = sides[same, 0]
    sides[~same, 1] = (sides[~same, 0] + 1 + sides[~same, 1] % (people - 1)) % people
    ease = generator.normal(0, 0.05, people)
    similarity = generator.normal(np.where(same, apart, 0), 0.12) + ease[sides].sum(axis=1)
    similarity = np.round(similarity, digits).clip(-1, 1)
    similarity[generator.random(pairs) < failures] = np.nan
    return Comparisons("drawn", "drawn in a test", similarity, same, sides, np.arange(pairs), 900, 7, xnorm=3.5)


def split(comparisons: Comparisons) -> tuple[list[float], list[float]]:
    """Similarities of the genuine and of the impostor pairs that were compared."""
    kinds: tuple[list[float], list[float]] = ([], [])
    for similarity, same in zip(comparisons.similarity.tolist(), comparisons.same.tolist(), strict=True):
        if not math.isnan(similarity):
            kinds[0 if same else 1].append(similarity)
    return kinds


@pytest.mark.parametrize("digits", [9, 1])
def test_points_are_counts(digits: int) -> None:
    comparisons = drawn_set(failures=0.05, digits=digits)
    genuine, impostor = split(comparisons)
    failed = int(comparisons.same.sum()) - len(genuine)
    figures = measure(comparisons, threshold=0.3, fmrs=(1e-2, 0.2, 1e-3), draws=50)
    assert [point.fmr_asked for point in figures.points] == [0.2, 1e-2]
    assert figures.unsupported == ((1e-3, 3000),)
    assert figures.at_threshold is not None
    assert (figures.at_threshold.threshold, figures.at_threshold.fmr_asked) == (0.3, None)
    for point in [*figures.points, figures.at_threshold]:
        matches = sum(score >= point.threshold for score in impostor)
        errors = sum(score < point.threshold for score in genuine)
        assert (point.fmr.errors, point.fmr.count) == (matches, len(impostor))
        assert (point.fnmr.errors, point.fnmr.count) == (errors, len(genuine))
        assert (point.fnmr_with_failures.errors, point.fnmr_with_failures.count) == (errors + failed, 1000)
        assert point.fmr.value == matches / len(impostor)
        for told in (point.fmr, point.fnmr, point.fnmr_with_failures):
            assert told.low <= told.value <= told.high
    for point in figures.points:
        assert point.fmr_asked is not None
        # No lower one of the similarities would do as the threshold.
        lower = max(score for score in impostor if score < point.threshold)
        assert point.fmr.value <= point.fmr_asked < sum(score >= lower for score in impostor) / len(impostor)
    assert (figures.genuine, figures.impostor) == (len(genuine), len(impostor))
    assert (figures.photos, figures.failed, figures.xnorm, figures.name) == (900, 7, 3.5, "drawn")
    assert (figures.fta.value, figures.fta.errors, figures.fta.count) == (7 / 900, 7, 900)
    assert figures.people == len(set(comparisons.people.ravel().tolist()))


@pytest.mark.parametrize("digits", [9, 1])
def test_area_and_equal_error_rate(digits: int) -> None:
    comparisons = drawn_set(apart=0.3, failures=0.05, digits=digits)
    genuine, impostor = split(comparisons)
    figures = measure(comparisons, draws=50)
    assert figures.auc == pytest.approx(mannwhitneyu(genuine, impostor).statistic / len(genuine) / len(impostor))
    before = (1.0, 0.0, -1.0)
    for threshold in [*sorted({*genuine, *impostor}), 2.0]:
        fmr = sum(score >= threshold for score in impostor) / len(impostor)
        fnmr = sum(score < threshold for score in genuine) / len(genuine)
        if fnmr >= fmr:
            break
        before = (fmr, fnmr, threshold)
    # On the straight line between the two places, where FMR = FNMR.
    way = (before[0] - before[1]) / (before[0] - before[1] + fnmr - fmr)
    assert figures.eer.value == pytest.approx(before[0] + way * (fmr - before[0]))
    assert before[2] <= figures.eer_threshold <= threshold
    assert figures.eer.low < figures.eer.value < figures.eer.high


def reference_accuracy(comparisons: Comparisons) -> tuple[float, float, float]:
    """Mean, standard deviation and threshold of ten folds, in the words of the protocol."""
    accuracies, thresholds = [], []
    taken = comparisons.ten_folds
    assert taken is not None
    similarity, same = comparisons.similarity[taken], comparisons.same[taken]
    distances = np.where(np.isnan(similarity), 9, 2 - 2 * similarity)
    for others, tested in KFold(10).split(distances):
        scores = [np.sum((distances[others] < step / 100) == same[others]) for step in range(400)]
        best = scores.index(max(scores)) / 100
        thresholds.append(best)
        accuracies.append(np.mean((distances[tested] < best) == same[tested]))
    return float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(thresholds))


@pytest.mark.parametrize(("pairs", "failures"), [(600, 0.0), (583, 0.1)])
def test_accuracy_is_that_of_the_protocol(pairs: int, failures: float) -> None:
    comparisons = drawn_set(pairs, failures=failures)
    chosen = np.random.default_rng(0).permutation(pairs)[: pairs - 40]
    comparisons = replace(comparisons, ten_folds=chosen)
    accuracy = measure(comparisons, draws=50).accuracy
    assert accuracy is not None
    assert (accuracy.value, accuracy.std, accuracy.threshold) == pytest.approx(
        reference_accuracy(comparisons), abs=1e-9
    )
    failed = np.isnan(comparisons.similarity[chosen])
    assert (accuracy.right[failed] == ~comparisons.same[chosen][failed]).all()  # counted as different
    share = rate(accuracy.right, comparisons.people[chosen], draws=50)
    assert (accuracy.low, accuracy.high) == pytest.approx((share.low, share.high), abs=1e-3)
    assert accuracy.low < accuracy.value < accuracy.high
    again = measure_accuracy(comparisons, draws=50)
    assert again is not None
    assert (again.value, again.low, again.high) == (accuracy.value, accuracy.low, accuracy.high)


def test_without_ten_folds_there_is_no_accuracy() -> None:
    figures = measure(replace(drawn_set(), ten_folds=None), draws=20)
    assert figures.accuracy is None
    assert "accuracy" not in figures.to_dict()


def test_random_embeddings_are_right_half_of_the_time() -> None:
    generator = np.random.default_rng(0)
    units = generator.normal(0, 1, (2, 6000, 64))
    units /= np.linalg.norm(units, axis=2, keepdims=True)
    same = np.arange(6000) % 600 < 300
    people = np.stack([np.arange(6000), np.where(same, np.arange(6000), np.arange(6000) + 6000)], axis=1)
    comparisons = Comparisons(
        "random", "", (units[0] * units[1]).sum(axis=1), same, people.astype(np.int32), np.arange(6000), 12_000, 0
    )
    figures = measure(comparisons, draws=100)
    assert figures.accuracy is not None
    assert figures.accuracy.value == pytest.approx(0.5, abs=0.02)
    assert figures.auc == pytest.approx(0.5, abs=0.03)
    assert figures.eer.value == pytest.approx(0.5, abs=0.03)
    assert figures.points[0].fnmr.value == pytest.approx(0.9, abs=0.03)


def test_perfect_embeddings_are_always_right_as_far_as_the_set_can_tell() -> None:
    """Three errors of as many pairs of people, and of people, as it shows."""
    comparisons = drawn_set(6000)
    comparisons = replace(comparisons, similarity=np.where(comparisons.same, 1.0, 0.0))
    genuine, impostor = (
        len({frozenset(pair) for pair in comparisons.people[kind].tolist()})
        for kind in (comparisons.same, ~comparisons.same)
    )
    assert genuine == 150 < impostor < 3000
    figures = measure(comparisons, threshold=0.5, draws=50)
    assert figures.accuracy is not None
    told = figures.accuracy
    assert (told.low, told.value, told.high) == (1 - 3 / (genuine + impostor), 1, 1)
    assert (figures.auc, figures.eer.value) == (1, 0)
    assert (figures.eer.low, figures.eer.high) == (0, 3 / genuine)
    assert figures.curve.high[-1] == 3 / genuine
    assert 0 < figures.eer_threshold <= 1
    assert figures.at_threshold is not None
    for point in (*figures.points, figures.at_threshold):
        assert (point.fnmr.low, point.fnmr.value, point.fnmr.high) == (0, 0, 3 / genuine)
        assert point.fnmr_with_failures == point.fnmr
        assert (point.fmr.low, point.fmr.value, point.fmr.high) == (0, 0, 3 / impostor)


def test_the_curve_holds_the_points_and_its_band() -> None:
    comparisons = drawn_set(apart=0.35)
    genuine, impostor = split(comparisons)
    figures = measure(comparisons, draws=200)
    curve = figures.curve
    assert (curve.fmr[0], curve.fmr[-1]) == (1, pytest.approx(3 / len(impostor)))
    assert (np.diff(curve.fmr) < 0).all()
    assert (np.diff(curve.fnmr) >= 0).all()
    assert ((curve.low <= curve.fnmr) & (curve.fnmr <= curve.high)).all()
    for point in figures.points:
        (place,) = np.flatnonzero(curve.fmr == point.fmr_asked)
        assert (curve.fnmr[place], curve.low[place], curve.high[place]) == (
            *(point.fnmr.value, point.fnmr.low, point.fnmr.high),
        )
    for fmr, fnmr in zip(curve.fmr[1::10], curve.fnmr[1::10], strict=True):
        passing = sorted(impostor)[len(impostor) - math.floor(fmr * len(impostor) + 1e-9) - 1]
        assert fnmr == sum(score <= passing for score in genuine) / len(genuine)


def test_intervals_come_from_draws_of_people() -> None:
    comparisons = drawn_set(apart=0.35)
    figures = measure(comparisons, threshold=0.2, draws=300)
    assert figures.at_threshold is not None
    kinds = ((~comparisons.same, figures.at_threshold.fmr), (comparisons.same, figures.at_threshold.fnmr))
    for kind, told in kinds:
        wrong = (comparisons.similarity >= 0.2) != comparisons.same
        alone = rate(wrong[kind], comparisons.people[kind], draws=300, seed=1)
        assert (alone.value, alone.errors) == (told.value, told.errors)
        assert (alone.low, alone.high) == pytest.approx((told.low, told.high), rel=0.25)
    # A threshold that is chosen anew leaves more open than the same one in every draw.
    (point,) = (point for point in figures.points if point.fmr_asked == 1e-2)
    fixed = measure(comparisons, threshold=point.threshold, draws=300).at_threshold
    assert fixed is not None
    assert fixed.fnmr.value == point.fnmr.value
    assert point.fnmr.high - point.fnmr.low > 1.3 * (fixed.fnmr.high - fixed.fnmr.low)


def test_options_change_what_they_say() -> None:
    comparisons = drawn_set(apart=0.35)
    default, again = (measure(comparisons, draws=100).to_dict() for _ in range(2))
    assert default == again
    assert default["draws"] == 100
    assert measure(comparisons, draws=100, seed=1).to_dict()["eer"]["low"] != default["eer"]["low"]
    assert measure(comparisons, draws=60).to_dict()["eer"]["low"] != default["eer"]["low"]
    assert default["at_threshold"] is None
    assert [point["fmr_asked"] for point in default["points"]] == [0.1, 0.01]
    assert [rate["fmr"] for rate in default["unsupported"]] == list(FMRS[2:])
    assert measure(comparisons, fmrs=(), draws=20).points == ()
    json.dumps(default, allow_nan=False)


def test_two_models_on_the_same_pairs() -> None:
    comparisons = drawn_set(apart=0.35)
    better = replace(comparisons, similarity=comparisons.similarity + np.where(comparisons.same, 0.02, 0))
    first, second = (measure(those, draws=200).accuracy for those in (better, comparisons))
    assert first is not None
    assert second is not None
    change = difference(first.right, second.right, comparisons.people, draws=200)
    assert change.value == pytest.approx(first.value - second.value)
    assert change.low > 0  # although the two intervals overlap
    assert first.low < second.high


def test_a_network_that_gives_everybody_the_same_vector() -> None:
    comparisons = drawn_set(600)
    comparisons = replace(comparisons, similarity=np.ones(600))
    figures = measure(comparisons, draws=20)
    assert (figures.auc, figures.eer.value) == (0.5, 0.5)
    assert figures.points[0].threshold > 1
    assert (figures.points[0].fmr.value, figures.points[0].fnmr.value) == (0, 1)
    assert figures.eer_threshold == 1


def test_kinds_of_pairs_that_are_not_there() -> None:
    comparisons = drawn_set(600)
    for kind, kept in (("genuine", ~comparisons.same), ("impostor", comparisons.same)):
        with pytest.raises(DataError, match=f"drawn: has no {kind} pair"):
            measure(replace(comparisons, similarity=comparisons.similarity[kept], same=comparisons.same[kept]))
        lost = replace(comparisons, similarity=np.where(kept, comparisons.similarity, np.nan))
        with pytest.raises(DataError, match=f"drawn: no {kind} pair could be compared"):
            measure(lost)


def test_what_can_not_be_measured_is_named() -> None:
    comparisons = drawn_set(600)
    infinite = np.where(np.arange(600) == 5, np.inf, comparisons.similarity)
    with pytest.raises(DataError, match="drawn: a similarity is infinite"):
        measure(replace(comparisons, similarity=infinite))
    with pytest.raises(DataError, match="drawn: 9 distances"):
        measure(replace(comparisons, ten_folds=np.arange(9)))
    with pytest.raises(UsageError, match="false match rate 2"):
        measure(comparisons, fmrs=(2,))


def valid(figures: Figures) -> bool:
    """All intervals hold their values, and none is empty or not a number."""
    points = [*figures.points, *([] if figures.at_threshold is None else [figures.at_threshold])]
    told: list[Rate | Estimate | Accuracy] = [figures.fta, figures.eer]
    for point in points:
        told += [point.fmr, point.fnmr, point.fnmr_with_failures]
    if figures.accuracy is not None:
        told.append(figures.accuracy)
    curve = figures.curve
    return (
        all(0 <= one.low <= one.value <= one.high <= 1 for one in told)
        and bool(((curve.low <= curve.fnmr) & (curve.fnmr <= curve.high)).all())
        and math.isfinite(figures.eer_threshold)
        and 0 <= figures.auc <= 1
    )


@settings(deadline=None, max_examples=50)
@given(
    pairs=st.lists(
        st.tuples(st.integers(-10, 10), st.booleans(), st.integers(0, 7), st.integers(0, 7), st.booleans()),
        min_size=2,
        max_size=60,
    )
)
def test_small_sets_of_all_kinds(pairs: list[tuple[int, bool, int, int, bool]]) -> None:
    scores, same, first, second, failed = (np.array(values) for values in zip(*pairs, strict=True))
    same, failed = same.astype(bool), failed.astype(bool)
    same[:2], failed[:2] = [True, False], False
    people = np.stack([first, np.where(same, first, second)], axis=1).astype(np.int32)
    comparisons = Comparisons(
        "small", "", np.where(failed, np.nan, scores / 10), same, people, np.arange(len(pairs)), len(pairs), 1
    )
    if len(pairs) < 10:
        comparisons = replace(comparisons, ten_folds=None)
    assert valid(measure(comparisons, threshold=0.1, fmrs=(0.5, 0.2, 0.1), draws=25))


def test_it_needs_neither_jittor_nor_onnx() -> None:
    code = (
        "import sys, sface.evaluate.figures.measure, sface.evaluate.protocols.bin_comparisons; "
        "print([name for name in ('jittor', 'onnx', 'onnxruntime', 'sklearn', 'scipy') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
