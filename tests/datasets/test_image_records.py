"""Training sets in train.rec, sound and unsound. The format itself is tested in test_records.py."""

from pathlib import Path

import numpy as np
import pytest

from sface.datasets.image_sets import open_image_set
from sface.errors import DataError, ImageError

from .small_sets import crop, encoded
from .write_recordio import content, write_numbered, write_set


def test_real_records(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    assert (len(images), images.num_classes, images.size) == (6197, 293, 112)
    assert (images.name, images.kind, images.unreadable) == ("faces_celeba293_112x112", "train.rec", {})
    assert images.labels.dtype == np.int32
    assert np.array_equal(np.unique(images.labels), np.arange(293))
    image = images.image(0)
    assert image.shape == (112, 112, 3)
    assert image.dtype == np.uint8
    mean = np.mean([images.image(index).mean(axis=(0, 1)) for index in range(100)], axis=0)
    assert mean[0] > mean[2] + 20  # skin is redder than blue: the order is RGB


@pytest.mark.parametrize("label", [-1.0, 3.0, 0.5, float("nan"), float("inf")])
def test_labels_of_records_beyond_the_classes(tmp_path: Path, label: float) -> None:
    (tmp_path / "property").write_text("3,112,112")
    write_numbered(tmp_path, {number: content([value], b"x") for number, value in enumerate([2.0, label], start=1)})
    with pytest.raises(DataError, match=r"train\.rec: record 2: label .* says 3 classes, so labels from 0 to 2"):
        open_image_set(tmp_path)


def test_damaged_records_are_known_from_the_start(tmp_path: Path) -> None:
    offsets = write_set(tmp_path, [encoded(crop(seed)) for seed in range(3)], [0, 1, 2])
    data = bytearray((tmp_path / "train.rec").read_bytes())
    data[offsets[2] : offsets[2] + 4] = b"\0\0\0\0"
    (tmp_path / "train.rec").write_bytes(data)
    images = open_image_set(tmp_path)
    assert images.labels.tolist() == [0, -1, 2]
    assert list(images.unreadable) == [1]
    assert "train.rec: record 2 is damaged" in images.unreadable[1]
    with pytest.raises(ImageError, match="record 2 is damaged"):
        images.image(1)
    assert images.image(2).shape == (112, 112, 3)


def test_records_that_hold_no_picture(tmp_path: Path) -> None:
    write_set(tmp_path, [b"text", b"", encoded(crop(1))], [0, 1, 2])
    images = open_image_set(tmp_path)
    for index, reason in ((0, "not an image"), (1, "empty")):
        with pytest.raises(ImageError, match=rf"train\.rec: record {index + 1}: {reason}"):
            images.image(index)
    assert images.image(2).shape == (112, 112, 3)
