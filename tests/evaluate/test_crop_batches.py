"""Batches of crops, of which some could not be had."""

import numpy as np
import pytest

from sface.errors import ImageError, SFaceError
from sface.evaluate.crop_batches import crop_batches


@pytest.mark.parametrize(("bad", "batches"), [((1, 5), [[0, 2, 3], [4, 6, 7]]), ((), [[0, 1, 2], [3, 4, 5], [6, 7]])])
def test_batches_are_full_and_failures_told(bad: tuple[int, ...], batches: list[list[int]]) -> None:
    failures: dict[int, SFaceError] = {}
    done: list[int] = []

    def advance(count: int = 1, /) -> None:
        done.append(count)

    crops = [ImageError(str(n)) if n in bad else np.full((2, 2, 3), n, dtype=np.uint8) for n in range(8)]
    found = [(numbers, stacked[:, 0, 0, 0].tolist()) for numbers, stacked in crop_batches(crops, 3, failures, advance)]
    assert found == [(numbers, numbers) for numbers in batches]
    assert {number: str(error) for number, error in failures.items()} == {number: str(number) for number in bad}
    assert done == [1] * 8


def test_nothing_that_could_be_had() -> None:
    failures: dict[int, SFaceError] = {}
    assert list(crop_batches([ImageError("no")], 3, failures, lambda _=1: None)) == []
    assert list(failures) == [0]
