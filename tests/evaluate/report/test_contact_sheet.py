"""The worst errors: which pairs, in which order, with which pictures."""

import dataclasses
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.evaluate.evaluated_model import EvaluatedSet
from sface.evaluate.figures.comparisons import Comparisons
from sface.evaluate.protocols.protocol_result import Pictures
from sface.evaluate.report.contact_sheet import CROP, GAP, MOST, contact_sheet
from tests.evaluate.evaluations import drawn_comparisons, drawn_crop, drawn_pictures, evaluated_set

THRESHOLD = 0.35


def a_set(comparisons: Comparisons, pictures: Pictures | None = drawn_pictures) -> EvaluatedSet:
    return evaluated_set(comparisons, pictures=pictures)


def with_similarities(*pairs: tuple[float, bool]) -> Comparisons:
    """These pairs: similarity, and whether genuine."""
    similarity, same = zip(*pairs, strict=True)
    few = drawn_comparisons(pairs=len(pairs), folds=False)
    return dataclasses.replace(few, similarity=np.array(similarity, float), same=np.array(same))


def test_the_errors_of_a_set_worst_first() -> None:
    comparisons = drawn_comparisons(pairs=600, apart=0.3, failed=5)
    sheet = contact_sheet(a_set(comparisons), THRESHOLD)
    scores = list(enumerate(zip(comparisons.similarity.tolist(), comparisons.same.tolist(), strict=True)))
    missed = sorted((similarity, pair) for pair, (similarity, same) in scores if same and similarity < THRESHOLD)
    taken = sorted((-similarity, pair) for pair, (similarity, same) in scores if not same and similarity >= THRESHOLD)
    assert min(len(missed), len(taken)) > MOST
    assert [(shown.similarity, shown.pair) for shown in sheet.false_non_matches] == missed[:MOST]
    assert [(-shown.similarity, shown.pair) for shown in sheet.false_matches] == taken[:MOST]
    assert (sheet.non_matches, sheet.matches, sheet.threshold) == (len(missed), len(taken), THRESHOLD)


def test_at_the_threshold_a_pair_matches() -> None:
    pairs = with_similarities((0.35, True), (0.35, False), (0.34, True), (0.34, False), (np.nan, True), (np.nan, False))
    sheet = contact_sheet(a_set(pairs), THRESHOLD)
    assert [shown.pair for shown in sheet.false_matches] == [1]
    assert [shown.pair for shown in sheet.false_non_matches] == [2]


def test_equal_similarities_stay_in_the_order_of_the_set() -> None:
    pairs = with_similarities(*[(0.1, True), (0.6, False)] * 20)
    sheet = contact_sheet(a_set(pairs), THRESHOLD)
    assert [shown.pair for shown in sheet.false_non_matches] == [*range(0, 24, 2)]
    assert [shown.pair for shown in sheet.false_matches] == [*range(1, 24, 2)]


def test_pairs_without_a_picture_give_way_to_the_next() -> None:
    pairs = with_similarities(*[(0.1, True), (0.6, False)] * 20)
    sheet = contact_sheet(a_set(pairs, lambda pair: None if pair < 6 else drawn_pictures(pair)), THRESHOLD)
    assert [shown.pair for shown in sheet.false_non_matches] == [*range(6, 30, 2)]
    assert sheet.non_matches == 20


def test_a_set_without_pictures() -> None:
    sheet = contact_sheet(a_set(drawn_comparisons(), pictures=None), THRESHOLD)
    assert sheet.false_matches == sheet.false_non_matches == ()
    assert sheet.matches > 0 and sheet.non_matches > 0


def test_pictures_are_asked_for_only_where_they_are_shown() -> None:
    asked = []

    def pictures(pair: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        asked.append(pair)
        return drawn_pictures(pair)

    sheet = contact_sheet(a_set(drawn_comparisons(), pictures), THRESHOLD)
    assert asked == [shown.pair for shown in (*sheet.false_matches, *sheet.false_non_matches)]


@pytest.mark.parametrize("size", [64, 112, 400])
def test_the_two_crops_side_by_side(size: int) -> None:
    pairs = with_similarities((0.1, True), (0.1, False))
    crops = drawn_crop(3, size), drawn_crop(7, size)
    (shown,) = contact_sheet(a_set(pairs, lambda pair: crops), THRESHOLD).false_non_matches
    picture = Image.open(io.BytesIO(shown.picture))
    side = min(size, CROP)
    assert picture.format == "JPEG" and picture.size == (2 * side + GAP, side)
    pixels = np.asarray(picture).astype(int)
    for left, crop in ((0, crops[0]), (side + GAP, crops[1])):
        inside = pixels[8:-8, left + 8 : left + side - 8]
        assert np.abs(inside - crop[0, 0].astype(int)).max() < 8
