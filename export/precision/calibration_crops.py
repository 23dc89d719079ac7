"""Real face crops to calibrate a smaller precision on, and to measure it with."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...datasets.encoded import decode
from ...datasets.image_sets import open_image_set
from ...datasets.picture_files import PICTURE_SUFFIXES
from ...errors import DataError, ImageError

CROPS = 400


def read_crops(folder: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Up to CROPS crops, uint8 (N, S, S, 3) RGB, evenly from all that `folder` holds: pictures, or a training set.

    Of a set's damaged pictures none is taken. Raises DataError where there is no crop or crops differ in size,
    ImageError where a picture of a plain folder can't be read.
    """
    folder = Path(folder)
    pictures = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    crops = _of_files(pictures) if pictures else _of_set(folder)
    if any(crop.shape != crops[0].shape for crop in crops):
        raise DataError(
            "its pictures differ in size", path=folder, remedy="cut all faces to the size that the network takes"
        )
    return np.stack(crops)


def evenly(count: int, most: int) -> Iterable[int]:
    """The indices of `count` things; where there are more than `most`, of as many at even distances."""
    return range(count) if count <= most else np.linspace(0, count - 1, most).round().astype(int).tolist()


def _of_files(paths: list[Path]) -> list[npt.NDArray[np.uint8]]:
    try:
        return [decode(str(paths[index]), paths[index].read_bytes()) for index in evenly(len(paths), CROPS)]
    except OSError as error:
        raise ImageError(f"can't be read ({error.strerror})", path=error.filename) from error


def _of_set(folder: Path) -> list[npt.NDArray[np.uint8]]:
    images = open_image_set(folder)
    crops = []
    for index in evenly(len(images), CROPS):
        try:
            crops.append(images.image(index))
        except ImageError:
            continue
    if not crops:
        raise DataError("none of its pictures can be read", path=folder, remedy="get the set again")
    return crops
