"""How a photo was held: as Pillow reads it, for photos and for crops, damaged data too."""

import struct
import warnings

import numpy as np
import pytest

from sface.align.image_file import load_image
from sface.datasets.encoded import decode

from .jpeg_files import LONG, SHORT, TAG, after_jfif, by_pillow, encode, exif, segment

pytest.importorskip("simplejpeg")


def xmp(value: object, form: str = '<rdf:Description tiff:Orientation="{}"/>') -> bytes:
    return b"http://ns.adobe.com/xap/1.0/\0" + form.format(value).encode()


def with_segments(*contents: bytes) -> bytes:
    return after_jfif(encode(), b"".join(segment(0xE1, content) for content in contents))


def assert_turned_as_pillow_does(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of damaged EXIF data
        expected = by_pillow(data)
    np.testing.assert_array_equal(load_image(data), expected)
    np.testing.assert_array_equal(decode("a crop", data), expected)


@pytest.mark.parametrize("kind", [SHORT, LONG])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation_in_exif(orientation: int, order: str, kind: int) -> None:
    data = with_segments(exif(order, kind, orientation))
    assert load_image(data).shape == ((64, 48, 3) if 5 <= orientation <= 8 else (48, 64, 3))
    assert_turned_as_pillow_does(data)


@pytest.mark.parametrize("form", ['<x tiff:Orientation="{}"/>', "<tiff:Orientation>{}</tiff:Orientation>", "<x>{}</x>"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation_in_xmp(orientation: int, form: str) -> None:
    assert_turned_as_pillow_does(with_segments(xmp(orientation, form)))


def test_which_orientation_counts() -> None:
    nothing = exif("<", SHORT, 6).replace(struct.pack("<H", TAG), struct.pack("<H", TAG + 1))
    for segments in (
        (exif("<", SHORT, 6), xmp(3)),
        (xmp(3), exif("<", SHORT, 6)),
        (exif("<", SHORT, 1), xmp(3)),
        (exif("<", SHORT, 0), xmp(3)),
        (exif("<", SHORT, 9), xmp(3)),
        (nothing, xmp(3)),
        (nothing, xmp(9)),
        (xmp(3), xmp(6)),
        (xmp("9").replace(b"/>", b' tiff:Orientation="6"/>'),),
        (exif("<", SHORT, 6), exif(">", SHORT, 3)),
        (b"Exif\0\0", xmp(5)),
        (b"Exif\0\0" + exif(">", SHORT, 8),),
        (b"http://ns.adobe.com/xmp/extension/\0" + xmp(3),),
        (exif("<", SHORT, 6)[6:],),
    ):
        assert_turned_as_pillow_does(with_segments(*segments))


def test_orientation_behind_the_frame() -> None:
    data = encode()
    place = data.index(b"\xff\xda")
    assert_turned_as_pillow_does(data[:place] + segment(0xE1, exif("<", SHORT, 6)) + data[place:])


@pytest.mark.parametrize("order", ["<", ">"])
def test_damaged_exif(order: str) -> None:
    whole = exif(order, SHORT, 6)
    for length in range(len(whole)):
        assert_turned_as_pillow_does(with_segments(whole[:length], *([xmp(3)] if length % 2 else [])))
    for kind in (2, 5, 6, 7, 8, 9, 13, 14, 99):
        for count in (0, 1, 2, 3, 2**31):
            assert_turned_as_pillow_does(with_segments(exif(order, kind, 6, count)))
            assert_turned_as_pillow_does(with_segments(exif(order, SHORT, 6, count), xmp(3)))
    generator = np.random.default_rng(1)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(generator.integers(1, 4)):
            data[generator.integers(6, len(data))] = generator.integers(256 if generator.random() < 0.5 else 20)
        assert_turned_as_pillow_does(with_segments(bytes(data)))
