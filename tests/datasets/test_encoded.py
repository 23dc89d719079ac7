"""Which format an image file has. Decoding is tested with the sets that decode, in test_image_sets.py."""

import io

import numpy as np
import pytest
from PIL import Image

from sface.align.image_file import PICTURE_SUFFIXES
from sface.datasets.encoded import decode, suffix_of
from sface.errors import ImageError


def encoded(format_: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(stream, format_)
    return stream.getvalue()


@pytest.mark.parametrize(("format_", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("BMP", ".bmp"), ("WEBP", ".webp")])
def test_formats(format_: str, suffix: str) -> None:
    data = encoded(format_)
    assert suffix_of("a", data) == suffix
    assert suffix in PICTURE_SUFFIXES
    assert decode("a", data).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "a: empty"),
        (b"This is text.", "a: neither JPEG nor PNG, BMP or WebP"),
        (encoded("GIF"), "a: neither JPEG"),
        (b"RIFF\0\0\0\0WAVE", "a: neither JPEG"),
        (encoded("JPEG")[:-2], "a: a JPEG that was cut off"),
    ],
)
def test_what_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        suffix_of("a", data)
