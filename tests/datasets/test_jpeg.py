"""JPEG files of all kinds, sound and damaged, for photos and for crops: Pillow's pixels, or an ImageError where data
is missing."""

import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from sface.align.image_file import load_image
from sface.datasets import jpeg as jpeg_module
from sface.datasets.encoded import decode
from sface.datasets.jpeg import decode_jpeg, read_header
from sface.errors import ImageError

from .jpeg_files import SHORT, Pixels, after_jfif, by_pillow, encode, exif, picture, segment

Reader = Callable[[bytes], Pixels]
simplejpeg = pytest.importorskip("simplejpeg")

END = b"\xff\xd9"


def crop_of(data: bytes) -> Pixels:
    return decode("a crop", data)


READERS = pytest.mark.parametrize("read", [load_image, crop_of])


def inks(subsampling: str) -> bytes:
    """In CMYK, coded as YCCK."""
    cmyk = np.asarray(Image.fromarray(picture()).convert("CMYK"))
    return bytes(simplejpeg.encode_jpeg(cmyk, colorspace="CMYK", colorsubsampling=subsampling))


KINDS = {
    "4:2:0": encode(subsampling=2),
    "4:2:2": encode(subsampling=1),
    "4:4:4": encode(subsampling=0),
    "grey": encode(mode="L"),
    "CMYK": encode(mode="CMYK"),
    "RGB": encode(keep_rgb=True),
    "progressive": encode(progressive=True),
    "progressive grey": encode(mode="L", progressive=True),
    "restarts": encode(restart_marker_blocks=2),
    "progressive with restarts": encode(progressive=True, restart_marker_blocks=3),
    "own tables": encode(optimize=True),
    "YCCK": inks("420"),
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def without_simplejpeg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    jpeg_module._decoder.cache_clear()
    yield
    jpeg_module._decoder.cache_clear()


# What is sound.


@ALL_KINDS
def test_pixels_are_pillows(kind: str) -> None:
    image = load_image(KINDS[kind])
    assert image.flags.c_contiguous and image.flags.writeable
    np.testing.assert_array_equal(image, by_pillow(KINDS[kind]))
    if kind not in ("CMYK", "YCCK"):  # OpenCV mixes inks in another way
        np.testing.assert_array_equal(crop_of(KINDS[kind]), image)


@READERS
@pytest.mark.parametrize("progressive", [False, True])
def test_odd_sizes(read: Reader, progressive: bool) -> None:
    for height, width in ((1, 1), (1, 17), (7, 9), (15, 33), (16, 31), (113, 3)):
        for subsampling in (0, 1, 2):
            data = encode(picture(height, width), subsampling=subsampling, progressive=progressive)
            np.testing.assert_array_equal(read(data), by_pillow(data))


def test_pixels_are_written_where_they_are_wanted() -> None:
    turned = after_jfif(encode(), segment(0xE1, exif("<", SHORT, 6)))
    for data in (encode(), encode(mode="L"), after_jfif(encode(), b"abc"), turned):
        header = read_header(data)
        assert header is not None
        out = np.full((48, 64, 3), 7, np.uint8)
        pixels = decode_jpeg(data, header, "it", out)
        assert pixels is not None
        np.testing.assert_array_equal(pixels, by_pillow(data))
        assert (pixels is out) == (data != turned)


def test_files_that_begin_alike() -> None:
    """The last header is remembered."""
    small, large, grey = encode(picture(8, 8)), encode(picture(8, 9)), encode(picture(8, 8), mode="L")
    turned = after_jfif(small, segment(0xE1, exif("<", SHORT, 6)))
    without_scan = large[: large.index(b"\xff\xda")]
    headers = {data: read_header(data) for data in (small, large, grey, turned, without_scan)}
    assert [header and header[:4] for header in headers.values()] == [
        (8, 8, 3, 1), (9, 8, 3, 1), (8, 8, 1, 1), (8, 8, 3, 6), (9, 8, 3, 1)
    ]  # fmt: skip
    for _ in range(2):
        for first in headers:
            for second in headers:
                assert (read_header(first), read_header(second)) == (headers[first], headers[second])


# Faults that cost no pixel.


@READERS
@ALL_KINDS
def test_harmless_faults(read: Reader, kind: str) -> None:
    data = KINDS[kind]
    expected = read(data)
    faulty = {
        "bytes in the header": after_jfif(data, b"two\0words"),
        "and many of them": after_jfif(data, b"\0" * 300),
        "zeros after 0xFF in the header": after_jfif(data, b"a\xff\0b"),
        "padding in the header": after_jfif(data, b"\xff\xff\xff"),
        "a comment": after_jfif(data, segment(0xFE, b"by nobody")),
        "half of a colour profile": after_jfif(data, segment(0xE2, b"ICC_PROFILE\0\x01\x02half")),
        "a thumbnail": after_jfif(data, segment(0xE0, b"JFXX\0\x10" + KINDS["grey"][:400])),
        "bytes after the end": data + b"made by nobody" + bytes(100),
        "another picture after the end": data + encode(picture(8, 8)),
        "a byte before the end": data[:-2] + b"\0" + END,
        "bytes before the end": data[:-2] + bytes(100) + END,
    }
    if data[2:4] == b"\xff\xe0":
        faulty["an unknown version of JFIF"] = data[:11] + b"\x07" + data[12:]
    for fault, changed in faulty.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, where it is asked
            np.testing.assert_array_equal(read(changed), expected, err_msg=fault)


# Missing data.


@READERS
@ALL_KINDS
def test_whatever_is_cut_off_is_missed(read: Reader, kind: str) -> None:
    """Also with an end marker put behind it, and at any place: within tables, headers of scans, scans, between them."""
    data = KINDS[kind]
    places = [*range(20, len(data) - 2, 97), *range(len(data) - 22, len(data) - 2)]
    for place in (*places, len(data) // 2):
        with pytest.raises(ImageError, match=r"damaged|truncated|cut off|not a") as raised:
            read(data[:place] + END)
        assert raised.value.code == "bad_image"


@READERS
def test_progressive_files_cut_between_scans(read: Reader) -> None:
    data = KINDS["progressive"]
    scans = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for place in scans[1:]:
        tables = data.rfind(b"\xff\xc4", 0, place)  # the tables of the scan, if it has its own
        for end in {place, tables}:
            with pytest.raises(ImageError, match=r"truncated"):
                read(data[:end] + END)


@READERS
@ALL_KINDS
@pytest.mark.parametrize(
    "hidden_by",
    [b"bytes before a marker", b"\0", segment(0xE2, b"ICC_PROFILE\0\x01\x02half")],
    ids=["bytes", "one byte", "colour profile"],
)
def test_a_harmless_fault_hides_no_missing_data(read: Reader, kind: str, hidden_by: bytes) -> None:
    """libjpeg's message is that of its first warning."""
    data = KINDS[kind]
    for place in (len(data) // 2, len(data) - 22):
        cut = data[:place] + END
        for faulty in (after_jfif(cut, hidden_by), cut[:11] + b"\x07" + cut[12:]):  # and an unknown version of JFIF
            with pytest.raises(ImageError, match=r"truncated"):
                read(faulty)


@READERS
@pytest.mark.parametrize("kind", ["own tables", "progressive", "restarts"])
def test_wrong_huffman_codes(read: Reader, kind: str) -> None:
    """Ones only, which are no code, and leave the decoder out of step."""
    data = KINDS[kind]
    middle = data.index(b"\xff\xda") + 300
    with pytest.raises(ImageError, match=r"Huffman|premature|extraneous|instead of RST|progression"):
        read(data[:middle] + b"\xff\0" * 6 + data[middle + 12 :])


@READERS
def test_a_restart_marker_that_is_missing(read: Reader) -> None:
    data = KINDS["restarts"]
    place = data.index(b"\xff\xd3")
    with pytest.raises(ImageError, match="before marker 0xd4"):
        read(data[:place] + data[place + 2 :])


@READERS
def test_a_marker_in_the_middle_of_a_scan(read: Reader) -> None:
    """OpenCV paints the rest grey and says nothing."""
    data = encode()
    middle = len(data) - 200
    for marker in (0x05, 0xC4, 0xC5, 0xD8, 0xDA, 0xE1):
        with pytest.raises(ImageError, match="damaged"):
            read(data[:middle] + bytes((0xFF, marker)) + data[middle + 2 :])


# Damaged headers.


@READERS
@ALL_KINDS
def test_damaged_headers_are_errors_or_harmless(read: Reader, kind: str) -> None:
    generator = np.random.default_rng(list(kind.encode()))
    whole = KINDS[kind]
    pixels = whole.index(b"\xff\xda") + 14
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(generator.integers(1, 4)):
                place = int(generator.integers(2, pixels))
                match generator.integers(3):
                    case 0:
                        data[place] = int(generator.integers(256))
                    case 1:
                        data[place:place] = generator.bytes(int(generator.integers(1, 20)))
                    case _:
                        del data[place : place + int(generator.integers(1, 20))]
            try:
                image = load_image(bytes(data), max_pixels=1_000_000) if read is load_image else read(bytes(data))
            except ImageError as error:
                assert "\n" not in str(error)
                continue
            assert image.dtype == np.uint8 and image.ndim == 3
            if read is load_image:
                np.testing.assert_array_equal(image, by_pillow(bytes(data)))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x11\x08\0", b"\xff\xd8\xff\xd9"]
)
def test_headers_that_say_nothing(data: bytes) -> None:
    assert read_header(data) is None


def test_the_size_is_checked_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(jpeg_module, "_decoder", lambda: decoded)
    monkeypatch.setattr(Image, "open", decoded)
    data = bytearray(encode())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 9000, 8000)
    with pytest.raises(ImageError, match="8000 x 9000 pixels are more than 50000000"):
        load_image(bytes(data))
    with pytest.raises(ImageError, match="64 x 48 pixels are more than 3071"):
        load_image(encode(), max_pixels=64 * 48 - 1)
    with pytest.raises(ImageError, match="more than 1024 pixels a side"):
        crop_of(bytes(data))


# Without the decoder.


@pytest.mark.usefixtures("without_simplejpeg")
@ALL_KINDS
def test_without_simplejpeg(kind: str) -> None:
    data = KINDS[kind]
    header = read_header(data)
    assert header is not None and decode_jpeg(data, header, "it") is None
    np.testing.assert_array_equal(load_image(data), by_pillow(data))
    if kind not in ("CMYK", "YCCK"):
        np.testing.assert_array_equal(crop_of(data), by_pillow(data))
    turned = after_jfif(data, segment(0xE1, exif(">", SHORT, 6)))
    np.testing.assert_array_equal(load_image(turned), by_pillow(turned))
    assert crop_of(turned).shape == (64, 48, 3)
    for read in (load_image, crop_of):
        with pytest.raises(ImageError, match=r"truncated|cut off"):
            read(data[: len(data) // 2])


def test_importing_is_cheap() -> None:
    code = (
        "import sys, sface.datasets.jpeg\n"
        "sys.exit(', '.join({'numpy', 'PIL', 'cv2', 'simplejpeg'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
