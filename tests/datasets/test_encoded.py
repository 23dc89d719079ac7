"""Which format an image file has, whether it is whole, and its pixels."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface.datasets.encoded import decode, encode_jpeg, suffix_of
from sface.datasets.image_sets import open_image_set
from sface.datasets.picture_files import PICTURE_SUFFIXES
from sface.datasets.records import RecordFile
from sface.errors import ImageError
from sface.runtime.opencv import cv2

from .small_sets import crop, encoded, put, write_list


def small(format_: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(stream, format_)
    return stream.getvalue()


@pytest.mark.parametrize(("format_", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("BMP", ".bmp"), ("WEBP", ".webp")])
def test_formats(format_: str, suffix: str) -> None:
    data = small(format_)
    assert suffix_of("a", data) == suffix
    assert suffix in PICTURE_SUFFIXES
    assert decode("a", data).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "a: empty"),
        (b"This is text.", "a: neither JPEG nor PNG, BMP or WebP"),
        (small("GIF"), "a: neither JPEG"),
        (b"RIFF\0\0\0\0WAVE", "a: neither JPEG"),
        (small("JPEG")[:-2], "a: a JPEG that was cut off"),
    ],
)
def test_what_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        suffix_of("a", data)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".webp"])
def test_pixels_come_back_as_rgb(tmp_path: Path, ending: str) -> None:
    put(
        tmp_path / f"a{ending}",
        encoded(crop(1), ending, *((cv2.IMWRITE_WEBP_QUALITY, 101) if ending == ".webp" else ())),
    )
    image = open_image_set(write_list(tmp_path, f"a{ending} 0")).image(0)
    assert np.array_equal(image, crop(1))
    assert image.flags.writeable
    assert image.flags.c_contiguous


def test_grey_and_transparent_pictures(tmp_path: Path) -> None:
    Image.fromarray(crop(1)[:, :, 0]).save(tmp_path / "grey.jpg", quality=100)
    Image.fromarray(np.dstack([crop(1), np.full((112, 112), 99, np.uint8)])).save(tmp_path / "alpha.png")
    images = open_image_set(write_list(tmp_path, "grey.jpg 0\nalpha.png 1"))
    assert np.ptp(images.image(0).astype(int), axis=2).max() == 0
    assert np.array_equal(images.image(1), crop(1))


def test_agrees_with_pillow(shared: Path) -> None:
    folder = shared / "faces_celeba293_112x112"
    images, records = open_image_set(folder), RecordFile(folder / "train.rec", folder / "train.idx")
    for index in range(0, 6197, 300):
        theirs = np.asarray(Image.open(io.BytesIO(records.read(index)[1])).convert("RGB")).astype(int)
        assert np.abs(images.image(index) - theirs).max() <= 2


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_jpeg_that_was_cut_off(tmp_path: Path, options: tuple[int, ...]) -> None:
    whole = encoded(crop(1), ".jpg", *options)
    put(tmp_path / "whole.jpg", whole + b"\0\0\0")  # some writers pad
    places = [3, 200, len(whole) // 2, len(whole) - 100, len(whole) - 2, len(whole) - 1]
    for place in places:
        put(tmp_path / f"{place}.jpg", whole[:place])
    images = open_image_set(write_list(tmp_path, "whole.jpg 0\n" + "".join(f"{place}.jpg 0\n" for place in places)))
    assert abs(images.image(0).astype(int) - crop(1)).mean() < 20
    for index, place in enumerate(places, start=1):
        with pytest.raises(ImageError, match=rf"/{place}\.jpg: a JPEG that was cut off"):
            images.image(index)


def test_jpeg_with_a_preview_that_was_cut_off(tmp_path: Path) -> None:
    """The preview in the header ends with the marker that the picture itself has lost."""
    preview, whole = encoded(crop(1, 16)), encoded(crop(2))
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    put(tmp_path / "whole.jpg", whole[:2] + segment + whole[2:])
    put(tmp_path / "cut.jpg", whole[:2] + segment + whole[2:-300])
    images = open_image_set(write_list(tmp_path, "whole.jpg 0\ncut.jpg 0"))
    assert images.image(0).shape == (112, 112, 3)
    with pytest.raises(ImageError, match=r"cut\.jpg: a JPEG that was cut off"):
        images.image(1)


def test_an_encoded_jpeg_is_read_back() -> None:
    data = encode_jpeg(crop(1))
    assert suffix_of("a", data) == ".jpg"
    assert np.abs(decode("a", data).astype(int) - crop(1)).mean() < 20
