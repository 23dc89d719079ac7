"""Crops of photos, cut out by processes: the same ones, in order, and why a photo gives none."""

from pathlib import Path

import numpy as np
import pytest

from sface.align import load_detector
from sface.align.photo_crops import crops_ahead
from sface.align.photo_faces import PhotoReader
from sface.errors import ImageError, ModelError, NoFaceError, SFaceError


def test_crops_are_the_readers_in_order(drawn_photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    photos = [*drawn_photos, tmp_path / "text.jpg", *drawn_photos[::-1], tmp_path / "none.jpg"]
    reader = PhotoReader(load_detector("mtcnn"), "best", 96)
    with crops_ahead(photos, 96, detector="mtcnn") as crops:
        for photo, crop in zip(photos, crops, strict=True):
            if photo in drawn_photos:
                assert not isinstance(crop, SFaceError)
                assert np.array_equal(crop, reader.read(photo).crops[0])
            else:
                assert isinstance(crop, ImageError) and str(photo) in str(crop)


def test_aligned_crops_and_what_is_none(drawn_set: Path, drawn_photos: list[Path]) -> None:
    photos = [*sorted(drawn_set.glob("*.png"))[:2], drawn_photos[0]]
    with crops_ahead(photos, 112, aligned=True) as crops:
        first, second, photo = crops
    assert not isinstance(first, SFaceError) and first.shape == (112, 112, 3)
    assert not isinstance(second, SFaceError) and not np.array_equal(first, second)
    assert isinstance(photo, ImageError) and "not a crop of 112x112" in str(photo)


def test_no_face_and_no_detector(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    with crops_ahead([tmp_path / "wall.png"], 112, detector="mtcnn") as crops:
        assert isinstance(next(crops), NoFaceError)
    with pytest.raises(ModelError, match=r"none\.onnx"), crops_ahead([tmp_path], 112, detector="none.onnx") as crops:
        next(crops)
    with crops_ahead([], 112) as crops:
        assert list(crops) == []
