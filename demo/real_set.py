"""A real training set, split by people into one to train on, one for the threshold and one to be judged by."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sface.datasets import ImageSet, open_image_set
from sface.errors import DataError, ImageError
from sface.runtime.opencv import cv2

MOST_PEOPLE = 1000  # of a large set; a demo takes minutes
FEWEST_PEOPLE = 12  # then 2 are for the threshold and 3 to be judged by
CALIBRATE, HELD_OUT = 40, 60


def split(data: Path, train: Path, calibrate: Path, held_out: Path) -> None:
    """Write three sets of crops, in the imgs.txt layout, of different people of the set in `data`.

    An image that can't be read is left out. Raises DataError where the set can't be used.
    """
    image_set = open_image_set(data)
    people = np.random.default_rng(0).permutation(np.unique(image_set.labels[image_set.labels >= 0]))[:MOST_PEOPLE]
    if len(people) < FEWEST_PEOPLE:
        raise DataError(
            f"{len(people)} people are too few for a demo", path=data, remedy=f"it takes {FEWEST_PEOPLE} or more"
        )
    judged, measured = min(HELD_OUT, len(people) // 4), min(CALIBRATE, len(people) // 6)
    _write(image_set, people[:judged], held_out)
    _write(image_set, people[judged : judged + measured], calibrate)
    _write(image_set, people[judged + measured :], train)


def _write(image_set: ImageSet, people: NDArray[np.int32], folder: Path) -> None:
    lines = []
    for new, person in enumerate(people):
        (folder / f"{new:04d}").mkdir(parents=True)
        for index in np.flatnonzero(image_set.labels == person):
            name = f"{new:04d}/{index:07d}.jpg"
            try:
                bgr = cv2.cvtColor(image_set.image(int(index)), cv2.COLOR_RGB2BGR)
            except ImageError:
                continue
            (folder / name).write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes())
            lines.append(f"{name}\t{new}\n")
    (folder / "imgs.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "property").write_text(f"{len(people)},{image_set.size},{image_set.size}\n", encoding="utf-8")
