"""Image files as bytes: of which format they are, whether they are whole, their pixels, and pixels as bytes."""

import numpy as np
import numpy.typing as npt

from ..errors import ImageError
from ..runtime.opencv import cv2
from .jpeg import JPEG_START, decode_jpeg, read_header
from .picture_files import LARGEST_CROP, is_larger_than_crop

_BEGINNINGS = {JPEG_START: ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"BM": ".bmp"}
_JPEG_END = b"\xff\xd9"

JPEG_QUALITY = 95


def suffix_of(where: str, data: bytes) -> str:
    """The suffix for a file with the content `data`: ".jpg", ".png", ".bmp" or ".webp"; nothing is decoded.

    where: its name in messages. Raises ImageError where it is none of them, or a JPEG that was cut off.
    """
    _refuse_cut_off(where, data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    for beginning, suffix in _BEGINNINGS.items():
        if data.startswith(beginning):
            return suffix
    raise ImageError("neither JPEG nor PNG, BMP or WebP", path=where)


def decode(where: str, data: bytes, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    """Decode an image file, upright, uint8 (H, W, 3) RGB. Raises ImageError, also for a JPEG in which data is missing,
    and before that where it is larger than a face crop.

    out: uint8 (H, W, 3), C-contiguous, where the pixels may be written; it comes back if that was done, which takes a
    JPEG of this size that is stored upright.
    """
    if not data.endswith(_JPEG_END):
        _refuse_cut_off(where, data)
    header = read_header(data) if data.startswith(JPEG_START) else None
    if header is None:
        too_large = is_larger_than_crop(data)
    else:
        too_large = header.width > LARGEST_CROP or header.height > LARGEST_CROP
    if too_large:
        raise ImageError(f"more than {LARGEST_CROP} pixels a side; is no face crop", path=where)
    if header is not None:
        fits = out is not None and out.shape == (header.height, header.width, 3)
        if (pixels := decode_jpeg(data, header, where, out if fits else None)) is not None:
            return pixels
    try:
        image = None if too_large is None else cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError("not an image, or a damaged one", path=where)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode_jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    """Encode an image, uint8 (H, W, 3) RGB, as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def _refuse_cut_off(where: str, data: bytes) -> None:
    if not data:
        raise ImageError("empty", path=where)
    if data.startswith(b"\xff\xd8") and not _has_end(data):
        raise ImageError("a JPEG that was cut off", path=where, remedy="get it again")


def _has_end(jpeg: bytes) -> bool:
    """Whether the end marker follows the last scan: OpenCV before 4.11 paints what is missing grey and says nothing."""
    return jpeg.endswith(_JPEG_END) or jpeg.find(_JPEG_END, max(0, jpeg.rfind(b"\xff\xda"))) >= 0
