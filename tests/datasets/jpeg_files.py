"""JPEG files for tests: of all kinds and with any segments; and Pillow's pixels of them."""

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]


def picture(height: int = 48, width: int = 64) -> Pixels:
    """Different in every pixel, with a left, a right, a top and a bottom, and noise that takes bytes."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 60, (height, width, 3))
    return (np.stack([x * 3, y * 4, x + y], axis=2) + noise).astype(np.uint8)


def encode(pixels: Pixels | None = None, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture() if pixels is None else pixels).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as opened:
        orientation = opened.getexif().get(0x0112)
        upright = Image.fromarray(np.asarray(opened.convert("RGB")))
    # `exif_transpose` of the photo itself would also write its EXIF data anew, and fail at some that are damaged.
    upright.getexif()[0x0112] = orientation if orientation in range(1, 9) else 1
    return np.asarray(ImageOps.exif_transpose(upright))


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def after_jfif(data: bytes, inserted: bytes) -> bytes:
    """With bytes inserted after the first segment."""
    place = 4 + int.from_bytes(data[4:6])
    return data[:place] + inserted + data[place:]


TAG, SHORT, LONG = 0x0112, 3, 4


def exif(order: str, kind: int, value: int, count: int = 1) -> bytes:
    """EXIF data as of a camera: its name, the orientation, a program's name."""
    number = struct.pack(order + {SHORT: "H", LONG: "L"}.get(kind, "L"), value).ljust(4, b"\0")
    maker, program = b"The maker of cameras", b"a program"
    elsewhere = 8 + 2 + 3 * 12 + 4
    return b"".join(
        [
            b"Exif\0\0" + (b"II" if order == "<" else b"MM"),
            struct.pack(f"{order}HL", 42, 8),
            struct.pack(f"{order}H", 3),
            struct.pack(f"{order}HHLL", 0x010F, 2, len(maker), elsewhere),
            struct.pack(f"{order}HHL", TAG, kind, count) + number,
            struct.pack(f"{order}HHLL", 0x0131, 2, len(program), elsewhere + len(maker)),
            struct.pack(f"{order}L", 0),
            maker + program,
        ]
    )
