"""Reading photos: formats, colours, depth, orientation, kinds of source, and all that is no picture."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from sface.align.image_file import load_image
from sface.errors import ImageError, UsageError


def picture(height: int = 24, width: int = 40) -> np.ndarray:
    """Different in every pixel, with a left, a right, a top and a bottom."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 6, y * 10, (x + 2 * y) * 2], axis=2).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file that ends where its pixels would begin."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return start + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_give_the_same_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = load_image(encode(Image.fromarray(picture()), kind, **options))
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous and image.flags.writeable
    np.testing.assert_array_equal(image, picture())


def test_jpeg_equals_opencvs_decoder() -> None:
    data = encode(Image.fromarray(picture()), "JPEG", quality=90)
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(load_image(data).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(picture()), kind, exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert expected.shape[:2] == ((40, 24) if orientation >= 5 else (24, 40))
    np.testing.assert_array_equal(load_image(data), expected)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_other_colours_become_rgb(mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    np.testing.assert_array_equal(load_image(encode(image, "PNG")), np.asarray(image.convert("RGB")))


def test_cmyk_jpeg_keeps_its_colours() -> None:
    colours = Image.new("RGB", (32, 32), (200, 40, 90))
    assert np.abs(load_image(encode(colours.convert("CMYK"), "JPEG")).astype(int) - [200, 40, 90]).max() <= 3


def test_transparent_parts_are_white() -> None:
    rgba = np.dstack([picture(), np.full((24, 40), 255, np.uint8)])
    rgba[:, :20, 3] = 0
    image = load_image(encode(Image.fromarray(rgba), "PNG"))
    assert (image[:, :20] == 255).all()
    np.testing.assert_array_equal(image[:, 20:], picture()[:, 20:])


def test_palette_with_a_transparent_colour() -> None:
    indices = Image.new("P", (2, 1))
    indices.putpalette([10, 20, 30, 40, 50, 60])
    indices.putdata([0, 1])
    image = load_image(encode(indices, "PNG", transparency=0))
    np.testing.assert_array_equal(image[0], [[255, 255, 255], [40, 50, 60]])


def test_sixteen_bit_grey_is_scaled_not_cut_off() -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        image = load_image(encode(Image.fromarray(values * 257), kind))
        np.testing.assert_array_equal(image, np.repeat(values[:, :, None], 3, axis=2))


def test_sixteen_bit_colour_is_scaled() -> None:
    _, data = cv2.imencode(".png", picture()[:, :, ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(load_image(data.tobytes()), picture())


def test_thirty_two_bits_are_refused() -> None:
    data = encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(ImageError, match="32 bits"):
        load_image(data)


def test_every_kind_of_source(tmp_path: Path) -> None:
    path = tmp_path / "Ångström – 顔.png"
    data = encode(Image.fromarray(picture()), "PNG")
    path.write_bytes(data)
    with path.open("rb") as file:
        sources: list[Any] = [path, str(path), data, file, Image.fromarray(picture()), picture()]
        for source in sources:
            np.testing.assert_array_equal(load_image(source), picture())
    grey = picture()[:, :, 0]
    np.testing.assert_array_equal(load_image(grey), np.repeat(grey[:, :, None], 3, axis=2))


def test_bgr_arrays() -> None:
    bgr = np.ascontiguousarray(picture()[:, :, ::-1])
    for array in (bgr, picture()[:, :, ::-1]):
        image = load_image(array, color="bgr")
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, picture())
    grey = picture()[:, :, 0]
    np.testing.assert_array_equal(load_image(grey, color="bgr"), load_image(grey))
    # What is no array has colours that are known.
    data = encode(Image.fromarray(picture()), "PNG")
    np.testing.assert_array_equal(load_image(data, color="bgr"), picture())
    np.testing.assert_array_equal(load_image(Image.fromarray(picture()), color="bgr"), picture())
    for source in (data, picture()):
        with pytest.raises(UsageError, match="color 'gbr': must be 'rgb' or 'bgr'"):
            load_image(source, color="gbr")  # type: ignore[arg-type]


def test_a_pipe_is_read() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(encode(Image.fromarray(picture()), "PNG"))
    with os.fdopen(reading, "rb") as file:
        np.testing.assert_array_equal(load_image(file), picture())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "PPM"])
@pytest.mark.parametrize("left", [0.02, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, kind: str, left: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), kind)
    path = tmp_path / "half.img"
    path.write_bytes(data[: int(len(data) * left)])
    with pytest.raises(ImageError, match=r"half\.img"):
        load_image(path)


def test_a_progressive_jpeg_without_its_end_is_refused() -> None:
    data = encode(Image.fromarray(picture(200, 200)), "JPEG", progressive=True)
    with pytest.raises(ImageError, match=r"^image: .*truncated"):
        load_image(data[: len(data) * 3 // 4])


def test_given_photos_of_which_half_is_missing(shared: Path) -> None:
    pytest.importorskip("simplejpeg")
    folder = shared.parent / "cases" / "people" / "in" / "jpeg"
    photos = sorted(folder.glob("*.jpg"))
    if not photos:
        pytest.skip(f"{folder} has no photos")
    for photo in photos:
        with pytest.raises(ImageError, match=rf"{photo.name}: is damaged or truncated .*premature end") as raised:
            load_image(photo)
        assert raised.value.code == "bad_image"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"The quick brown fox jumps over the lazy dog.\n" * 40, "not a picture"), (b"\x00", "not a")],
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"photo\.jpg: is {message}"):
        load_image(path)
    with pytest.raises(ImageError, match=rf"^image: is {message}"):
        load_image(content)
    with path.open("rb") as file, pytest.raises(ImageError, match=rf"photo\.jpg: is {message}"):
        load_image(file)


def test_what_can_not_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nobody\.jpg: can't be opened \(No such file"):
        load_image(tmp_path / "nobody.jpg")
    with pytest.raises(ImageError, match="can't be opened"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="can't be opened"):
        load_image("zero\0byte.jpg")


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    # Nothing follows the header: a decoder would say "truncated".
    with pytest.raises(ImageError, match=r"8000 x 8000 pixels are more than 50000000"):
        load_image(png_header(8000, 8000))
    with pytest.raises(ImageError, match="too many pixels"):
        load_image(png_header(60000, 60000))
    data = encode(Image.fromarray(picture()), "PNG")
    assert load_image(data, max_pixels=24 * 40).shape == (24, 40, 3)
    with pytest.raises(ImageError, match="more than 959"):
        load_image(data, max_pixels=24 * 40 - 1)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8)]
)
def test_arrays_that_are_no_images(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match="image: an array must be uint8"):
        load_image(array)


def test_other_things_are_a_usage_error() -> None:
    source: Any = None
    with pytest.raises(UsageError, match="NoneType is not a picture"):
        load_image(source)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, sface.align.image_file\n"
        "sys.exit(', '.join({'PIL', 'cv2', 'skimage', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_jpeg_is_read_without_pillow(tmp_path: Path) -> None:
    pytest.importorskip("simplejpeg")
    (tmp_path / "photo.jpg").write_bytes(encode(Image.fromarray(picture()), "JPEG"))
    code = (
        "import sys\n"
        "from sface.align.image_file import load_image\n"
        "assert load_image(sys.argv[1]).shape == (24, 40, 3)\n"
        "sys.exit(', '.join({'PIL', 'cv2'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "photo.jpg")], check=True)
