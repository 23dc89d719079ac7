"""JPEG files: what the header says, and the pixels, by libjpeg-turbo (the package simplejpeg), which tells where data
is missing. Importing this loads neither NumPy nor a decoder."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ImageError
from .exif import UPRIGHT, orientation_in_exif, orientation_in_xmp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JPEG_START = b"\xff\xd8\xff"

# Markers: those that begin a frame, whose size follows, and two kinds of these; that of a scan, the pixels.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
# Of data of applications and of comments. Of these, JFIF's (APP0) and Adobe's (APP14) decide how colours are coded.
_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
_NO_PIXELS = frozenset((*range(0xE0, 0xF0), 0xFE)) - {_APP14}
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"  # the whole segment, of version 1.1 and square pixels
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"

_SEGMENT = struct.Struct(">BBH")  # 0xFF, marker, length of what follows the marker
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # of a segment: not 0, which follows a value of 0xFF, nor a restart

# What may be said of a file that has all its pixels: limits of TurboJPEG (its functions' names are before them) and of
# how it was built, bytes before the end marker, and a way of coding colours that has no name.
_NO_DAMAGE = re.compile(r"^tj\w*\(\)|before marker 0xd9|omitted|implemented|transform", re.IGNORECASE)


class JpegHeader(NamedTuple):
    """Width and height in pixels, as stored; the number of colour channels; the EXIF orientation, 1 to 8; whether the
    pixels come in several scans, each more precise."""

    width: int
    height: int
    channels: int
    orientation: int
    progressive: bool


# The last file's bytes before its pixels, and their header: most crops of a training set begin with the same ones.
_KEPT = 4096  # bytes at the most
_last: tuple[bytes, JpegHeader] = b"\0", JpegHeader(0, 0, 0, UPRIGHT, False)


def read_header(jpeg: bytes) -> JpegHeader | None:
    """What stands before the pixels of a JPEG file; None where it is damaged. Nothing is decoded."""
    global _last
    beginning, header = _last
    if jpeg.startswith(beginning):
        return header
    beginning, frame, progressive, exif, xmp = b"", b"", False, b"", b""
    for marker, start, end in _segments(jpeg):
        if marker in _FRAMES and not frame:
            frame, progressive = jpeg[start + 5 : start + 10], marker in _PROGRESSIVE
        elif marker == _APP1:
            segment = jpeg[start + 4 : end]
            if segment.startswith(_EXIF):
                exif += segment[len(_EXIF) :]
            elif segment.startswith(_XMP):
                xmp = segment
        elif marker == _SCAN:
            beginning = jpeg[:end] if end <= _KEPT else b""
            break
    if len(frame) < 5:
        return None
    orientation = orientation_in_exif(exif) if exif else None
    if orientation is None:
        orientation = orientation_in_xmp(xmp) if xmp else UPRIGHT
    header = JpegHeader(
        width=int.from_bytes(frame[2:4]),
        height=int.from_bytes(frame[:2]),
        channels=frame[4],
        orientation=orientation,
        progressive=progressive,
    )
    if beginning:
        _last = beginning, header
    return header


def decode_jpeg(
    jpeg: bytes, header: JpegHeader, name: str, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8] | None:
    """Decode a JPEG file with this header, upright: uint8 (H, W, 3) RGB, C-contiguous.

    out: where the pixels may be written, of just this shape and type; it comes back if that was done, which takes a
    file that is stored upright.

    None where another decoder has to be asked: the picture is neither grey nor in three colours, simplejpeg doesn't
    know its kind, or is not installed. Raises ImageError, which calls the file `name`, where data is missing, also in
    a file that has an end marker, and where data of the pixels can't be right.
    """
    decoder = _decoder()
    if decoder is None or header.channels not in (1, 3, 4):
        return None
    if header.progressive and not _has_all_scans(jpeg):
        raise _damaged(name, "its last scans are missing")
    turned = header.orientation != UPRIGHT
    inks = header.channels == 4  # decoded only for whether data is missing: Pillow and OpenCV know how to mix inks
    kind, into = ("CMYK", None) if inks else ("RGB", None if turned else out)
    try:
        pixels = decoder(jpeg, kind, buffer=into)
    except ValueError as fault:
        pixels = _decode_again(decoder, jpeg, kind, into, name, fault)
    if inks or pixels is None:
        return None
    if turned:
        pixels = upright(pixels, header.orientation)
        return pixels if pixels.flags.c_contiguous else pixels.copy()
    return pixels if out is None else out


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo what the EXIF orientation says about how the camera was held: a view of the pixels (H, W, 3)."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.transpose(1, 0, 2) if orientation in (5, 6, 7, 8) else pixels


@cache
def _decoder() -> Any:
    """The function of simplejpeg, or None. Kept: looking for a package that isn't there takes as long as decoding."""
    try:
        from simplejpeg import decode_jpeg
    except ImportError:
        return None
    return decode_jpeg


def _decode_again(
    decoder: Any, jpeg: bytes, kind: str, out: NDArray[np.uint8] | None, name: str, fault: ValueError
) -> NDArray[np.uint8] | None:
    """The pixels of a file of which libjpeg has said a fault; None: another decoder has to be asked. Raises ImageError
    where data is damaged."""
    # The fault is the first one only. Without the harmless ones it is that of missing data, if any are missing.
    try:
        pixels: NDArray[np.uint8] = decoder(_without_faults(jpeg), kind, buffer=out)
    except ValueError as error:
        if _NO_DAMAGE.search(str(error)):
            return None
        raise _damaged(name, str(error)) from fault
    return pixels


def _damaged(name: str, why: str) -> ImageError:
    return ImageError(f"is damaged or truncated ({why})", path=name, remedy="get it again")


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker of each segment of a JPEG file, its place and its end. Bytes between them are passed over: the pixels of
    scans, and what doesn't belong there, as libjpeg does."""
    place = 2
    try:
        while True:
            byte, marker, length = _SEGMENT.unpack_from(jpeg, place)
            if byte != 0xFF or not (1 < marker < 0xD0 or 0xD7 < marker < 0xFF):
                found = _MARKER.search(jpeg, place)
                if found is None:
                    return
                place = found.start()
                _, marker, length = _SEGMENT.unpack_from(jpeg, place)
            if marker in (_START, _END):
                return
            yield marker, place, place + 2 + length
            place += 2 + length
    except struct.error:  # the end
        return


def _without_faults(jpeg: bytes) -> bytes:
    """The file without what costs no pixel but a warning: bytes before the markers of the header, data of applications,
    unknown versions of JFIF, and parameters of scans that don't have any."""
    kept, sequential = [jpeg[:2]], False
    for marker, start, end in _segments(jpeg):
        if marker == _SCAN:
            return b"".join(
                [*kept, jpeg[start : end - 3], b"\0\x3f\0" if sequential else jpeg[end - 3 : end], jpeg[end:]]
            )
        if marker == _APP0 and jpeg.startswith(_JFIF[4:9], start + 4):
            kept.append(_JFIF)
        elif marker not in _NO_PIXELS:
            kept.append(jpeg[start:end])
            sequential |= marker in _SEQUENTIAL
    return jpeg


def _has_all_scans(jpeg: bytes) -> bool:
    """Whether the scans of a progressive JPEG file give all bits of the coefficients that they began to give."""
    left: dict[tuple[int, int], int] = {}  # of each component and coefficient, the bits to come
    for marker, start, end in _segments(jpeg):
        if marker == _SCAN and start + 4 < end - 3 < len(jpeg) - 3:
            first, last, bits = jpeg[end - 3 : end]
            for component in jpeg[start + 5 : end - 3 : 2]:
                for coefficient in range(first, last + 1):
                    left[component, coefficient] = bits & 15
    return not any(left.values())
