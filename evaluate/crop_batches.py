"""Crops as they come, one by one, put together for a network that takes many at once."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..align.photo_crops import Crop
from ..errors import SFaceError
from ..progress import Advance


def crop_batches(
    crops: Iterable[Crop], size: int, failures: dict[int, SFaceError], advance: Advance
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    """Numbers of pictures and their crops, uint8 (n, S, S, 3) RGB: `size` of them, in the last batch what is left.

    crops     of each picture, in their order, or why it gives none
    failures  takes up the latter, by the picture's number
    advance   is called for each picture
    """
    numbers: list[int] = []
    taken: list[NDArray[np.uint8]] = []
    for number, crop in enumerate(crops):
        if isinstance(crop, SFaceError):
            failures[number] = crop
        else:
            numbers.append(number)
            taken.append(crop)
        if len(taken) == size:
            yield numbers, np.stack(taken)
            numbers, taken = [], []
        advance()
    if taken:
        yield numbers, np.stack(taken)
