"""What a picture file's header says, before anything is decoded."""

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sface.datasets.picture_files import LARGEST_CROP, is_larger_than_crop


def saved(kind: str, width: int, height: int = 8, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF"])
def test_the_limit_in_each_format(kind: str) -> None:
    for width, height in ((LARGEST_CROP, 8), (8, LARGEST_CROP)):
        assert is_larger_than_crop(saved(kind, width, height)) is False
    for width, height in ((LARGEST_CROP + 1, 8), (8, LARGEST_CROP + 1)):
        assert is_larger_than_crop(saved(kind, width, height)) is True


def test_jpegs_of_all_kinds() -> None:
    assert is_larger_than_crop(saved("JPEG", 2000, progressive=True)) is True
    exif = Image.Exif()
    exif[0x010E] = "a description that lies before the frame"
    assert is_larger_than_crop(saved("JPEG", 2000, exif=exif)) is True
    plain = saved("JPEG", 2000)
    padded = plain[:2] + b"\xff\xff" + plain[2:]
    assert is_larger_than_crop(padded) is True


def test_a_header_is_enough() -> None:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + bytes(4)
    assert is_larger_than_crop(bomb) is not False


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8", b"\xff\xd8\xff", saved("PNG", 8)[:20]])
def test_what_can_not_be_told(data: bytes) -> None:
    assert is_larger_than_crop(data) is None


def test_damaged_headers_raise_nothing() -> None:
    generator = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF"):
        whole = saved(kind, 100, 100)
        for _ in range(200):
            data = bytearray(whole)
            data[int(generator.integers(min(len(data), 60)))] = int(generator.integers(256))
            assert is_larger_than_crop(bytes(data)) in (True, False, None)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, sface.datasets.picture_files\n"
        "sys.exit(', '.join({'numpy', 'PIL', 'cv2'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
