"""Error rates in draws of people, against loops over draws, thresholds and pairs."""

import numpy as np
import pytest

from sface.evaluate.figures.bootstrap import weighted_counts
from sface.evaluate.figures.bootstrap_rates import LEVELS, equal_error_rate, resample_rates
from sface.evaluate.figures.comparisons import Comparisons

PEOPLE, DRAWS = 9, 25


def drawn_set(pairs: int, *, ties: bool, failures: float = 0.0, seed: int = 0) -> Comparisons:
    """Random pairs of PEOPLE people."""
    generator = np.random.default_rng(seed)
    people = generator.integers(0, PEOPLE, (pairs, 2)).astype(np.int32)
    same = generator.random(pairs) < 0.5
    people[same, 1] = people[same, 0]
    people[:PEOPLE, :], same[:PEOPLE] = np.arange(PEOPLE)[:, None], True
    similarity = generator.normal(np.where(same, 0.5, 0.1), 0.2)
    if ties:
        similarity = np.round(similarity, 1)
    similarity[generator.random(pairs) < failures] = np.nan
    return Comparisons("drawn", "drawn", similarity, same, people, None, 2 * pairs, 0)


def pair_weights(comparisons: Comparisons, seed: int) -> np.ndarray:
    """What each pair counts in each draw, (DRAWS, P)."""
    everyone = np.stack([np.arange(PEOPLE)] * 2, axis=1)
    weights = weighted_counts(everyone, np.arange(PEOPLE), PEOPLE, draws=DRAWS, seed=seed)
    first, second = comparisons.people.T
    return np.where(first == second, weights[:, first], weights[:, first] * weights[:, second])


def rates_at(
    comparisons: Comparisons, weights: np.ndarray, threshold: float, *, with_failures: bool = False
) -> tuple[float, float]:
    """FMR and FNMR of one draw at one threshold."""
    similarity, same = comparisons.similarity, comparisons.same
    failed = np.isnan(similarity)
    impostor, genuine = ~same & ~failed, same & ~failed
    different = genuine & (similarity < threshold)
    if with_failures:
        genuine, different = same, different | (same & failed)
    matches = weights[impostor & (similarity >= threshold)].sum()
    return matches / weights[impostor].sum(), weights[different].sum() / weights[genuine].sum()


@pytest.mark.parametrize("ties", [False, True])
def test_rates_of_each_draw_at_each_threshold(ties: bool) -> None:
    comparisons = drawn_set(120, ties=ties, failures=0.1)
    drawn = resample_rates(comparisons, np.array([0.3, 0.31415]), draws=DRAWS, seed=5)
    weights = pair_weights(comparisons, 5)
    assert drawn.thresholds[drawn.column(0.31415)] == 0.31415
    assert (np.diff(drawn.thresholds) > 0).all()
    for draw in range(DRAWS):
        for column in [*range(0, len(drawn.thresholds), 7), drawn.column(0.3), drawn.column(0.31415)]:
            threshold = drawn.thresholds[column]
            expected = rates_at(comparisons, weights[draw], threshold)
            assert (drawn.fmr[draw, column], drawn.fnmr[draw, column]) == pytest.approx(expected, abs=1e-12)
            expected = rates_at(comparisons, weights[draw], threshold, with_failures=True)
            assert drawn.fnmr_with_failures[draw, column] == pytest.approx(expected[1], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_the_threshold_is_chosen_anew_in_each_draw(ties: bool) -> None:
    comparisons = drawn_set(120, ties=ties, failures=0.1)
    drawn = resample_rates(comparisons, np.array([]), draws=DRAWS, seed=5)
    asked = np.array([1, 0.5, 0.29, 0.1, 0.05, 0.001])
    plain, with_failures = drawn.fnmr_at_fmr(asked), drawn.fnmr_at_fmr(asked, with_failures=True)
    weights = pair_weights(comparisons, 5)
    candidates = [-np.inf, *np.nextafter(np.unique(comparisons.similarity[comparisons.compared]), 2)]
    for draw in range(0, DRAWS, 3):
        for place, fmr in enumerate(asked):
            lowest = min(t for t in candidates if rates_at(comparisons, weights[draw], t)[0] <= fmr + 1e-12)
            expected = rates_at(comparisons, weights[draw], lowest)[1]
            assert plain[draw, place] == pytest.approx(expected, abs=1e-12)
            expected = rates_at(comparisons, weights[draw], lowest, with_failures=True)[1]
            assert with_failures[draw, place] == pytest.approx(expected, abs=1e-12)
    assert (plain[:, 0] == 0).all()


@pytest.mark.parametrize("ties", [False, True])
def test_equal_error_rates_lie_where_the_lines_cross(ties: bool) -> None:
    comparisons = drawn_set(120, ties=ties)
    drawn = resample_rates(comparisons, np.array([]), draws=DRAWS, seed=1)
    for draw, eer in enumerate(drawn.eer()):
        fine = np.linspace(0, len(drawn.thresholds) - 1, 200_001)
        steps = np.arange(len(drawn.thresholds))
        gap = np.interp(fine, steps, drawn.fmr[draw]) - np.interp(fine, steps, drawn.fnmr[draw])
        place = fine[np.argmin(np.abs(gap))]
        assert eer == pytest.approx(np.interp(place, steps, drawn.fmr[draw]), abs=1e-3)


def test_crossings_by_hand() -> None:
    fmr, fnmr = np.array([[1, 0.4, 0.1, 0], [1, 0.4, 0.3, 0], [1, 0, 0, 0]]), np.array([[0, 0, 0.3, 1]])
    rate, behind, way = equal_error_rate(fmr, np.concatenate([fnmr, fnmr, [[0, 0, 0, 1]]]))
    assert rate == pytest.approx([0.2 / 3 + 0.8 / 6, 0.3, 0])
    assert behind.tolist() == [2, 2, 1]
    assert way == pytest.approx([2 / 3, 1, 1])


def test_a_draw_without_pairs_of_a_kind_has_no_rates() -> None:
    """Five of thirty people have a genuine pair: one draw in some 240 has none of them."""
    people = np.concatenate([np.stack([np.arange(5)] * 2, axis=1), np.stack(np.triu_indices(30, 1), axis=1)])
    similarity, same = np.random.default_rng(0).normal(0, 0.2, len(people)), np.arange(len(people)) < 5
    comparisons = Comparisons("drawn", "drawn", similarity, same, people.astype(np.int32), None, 30, 0)
    drawn = resample_rates(comparisons, np.array([]), draws=3000, seed=0)
    lost = np.isnan(drawn.fnmr[:, 0])
    assert 2 < lost.sum() < 40
    assert np.isnan(drawn.eer()[lost]).all()
    assert not np.isnan(drawn.eer()[~lost]).any()
    assert np.isnan(drawn.fnmr_at_fmr(np.array([0.1]))[:, 0]).tolist() == lost.tolist()


def test_kinds_of_pairs_that_show_too_few_people() -> None:
    comparisons = drawn_set(120, ties=False)
    comparisons.people[comparisons.same] %= 4
    drawn = resample_rates(comparisons, np.array([]), draws=20, seed=0)
    assert np.isnan(drawn.fnmr).all()
    assert np.isnan(drawn.fnmr_with_failures).all()
    assert not np.isnan(drawn.fmr).any()


def test_large_sets_are_summed_up_at_fewer_thresholds() -> None:
    comparisons = drawn_set(60_000, ties=False)
    drawn = resample_rates(comparisons, np.array([]), draws=DRAWS, seed=0)
    assert len(drawn.thresholds) < 2 * LEVELS + 2
    asked = np.array([0.3, 0.1, 0.01, 0.001])
    found, weights = drawn.fnmr_at_fmr(asked), pair_weights(comparisons, 0)
    order = np.argsort(-comparisons.similarity)
    impostor = ~comparisons.same[order]
    for draw in range(0, DRAWS, 5):
        counted = weights[draw][order]
        fmr = np.cumsum(counted * impostor) / counted[impostor].sum()
        tar = np.cumsum(counted * ~impostor) / counted[~impostor].sum()
        exact = 1 - tar[np.searchsorted(fmr, asked, side="right") - 1]
        assert found[draw] == pytest.approx(exact, abs=0.01)
