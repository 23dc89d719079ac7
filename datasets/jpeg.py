"""JPEG files: what the header says, and the pixels, by libjpeg-turbo (the package simplejpeg), which tells where data
is missing. Importing this loads neither NumPy nor a decoder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JPEG_START = b"\xff\xd8\xff"

# Markers that begin a frame, whose size follows; that of a scan, the pixels; that of data of an application.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _APP1 = 0xDA, 0xE1
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = 1

# What libjpeg says where pixels are missing or made up. Its other warnings, as of bytes before a marker, are harmless.
_MISSING = ("premature end", "bad huffman code", "bad arithmetic code", "instead of rst", "progress")


class JpegHeader(NamedTuple):
    """Width and height in pixels, as stored; the number of colour channels; the EXIF orientation, 1 to 8."""

    width: int
    height: int
    channels: int
    orientation: int


def read_header(jpeg: bytes) -> JpegHeader | None:
    """What stands before the pixels of a JPEG file; None where it is damaged. Nothing is decoded."""
    place, frame, exif, xmp = 2, None, None, None
    while jpeg[place : place + 1] == b"\xff" and place + 4 <= len(jpeg):
        marker = jpeg[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        length = int.from_bytes(jpeg[place + 2 : place + 4])
        if marker in _FRAMES and frame is None:
            frame = jpeg[place + 5 : place + 10]
        elif marker == _APP1:
            segment = jpeg[place + 4 : place + 2 + length]
            if exif is None and segment.startswith(_EXIF):
                exif = _orientation(segment[len(_EXIF) :])
            elif segment.startswith(_XMP) and (found := re.search(rb'tiff:Orientation(?:="|>)([1-8])', segment)):
                xmp = int(found[1])
        elif marker == _SCAN:
            break
        place += 2 + length
    if frame is None or len(frame) < 5:
        return None
    return JpegHeader(int.from_bytes(frame[2:4]), int.from_bytes(frame[:2]), frame[4], exif or xmp or _UPRIGHT)


def decode_jpeg(jpeg: bytes, header: JpegHeader, name: str) -> NDArray[np.uint8] | None:
    """Decode a JPEG file with this header, upright: uint8 (H, W, 3) RGB, C-contiguous.

    None where another decoder has to be asked: the picture is neither grey nor in three colours, the file has a fault
    that costs no pixel, or simplejpeg is not installed. Raises ImageError, which calls the file `name`, where data is
    missing, also in a file that has an end marker.
    """
    if header.channels not in (1, 3):
        return None
    try:
        import simplejpeg
    except ImportError:
        return None
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, "RGB")
    except ValueError as error:
        if any(words in str(error).lower() for words in _MISSING):
            raise ImageError(
                f"is damaged or truncated: data is missing ({error})", path=name, remedy="get it again"
            ) from error
        return None
    turned = upright(pixels, header.orientation)
    return turned if turned.flags.c_contiguous else turned.copy()


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo what the EXIF orientation says about how the camera was held: a view of the pixels (H, W, 3)."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.transpose(1, 0, 2) if orientation in (5, 6, 7, 8) else pixels


def _orientation(tiff: bytes) -> int | None:
    """The orientation in EXIF data, which are laid out as a TIFF file; None where it isn't there."""
    order: dict[bytes, str] = {b"II*\0": "little", b"MM\0*": "big"}
    if (endian := order.get(tiff[:4])) is None:
        return None

    def number(place: int, length: int) -> int:
        return int.from_bytes(tiff[place : place + length], endian)  # type: ignore[arg-type]

    start = number(4, 4)
    for entry in range(start + 2, start + 2 + 12 * number(start, 2), 12):
        if number(entry, 2) == _ORIENTATION and entry + 12 <= len(tiff):
            # Numbers of two bytes stand at the beginning of the four, which matters where the high byte comes first.
            value = number(entry + 8, 4 if number(entry + 2, 2) == 4 else 2)
            return value if 1 <= value <= 8 else None
    return None
