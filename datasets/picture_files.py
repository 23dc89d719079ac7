"""Picture files by name and header: which files of a folder are pictures, what can be decoded, how large a picture is.

Nothing is decoded here, and importing it loads neither Pillow nor OpenCV.
"""

import io
import struct
import zlib

# Endings of names, in small letters, that make a file a picture among other files. Not GIF: training, which decodes
# with OpenCV, reads none.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")

# Pillow reads more; what is missing here is rare among photos, or starts another program (EPS).
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF")

# What Pillow raises on damaged files, besides OSError; Warning where the caller turns warnings into errors.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, zlib.error, Warning)

# Pixels a side: face crops have some hundred, and a file of a few kilobytes may say that it has gigabytes of them.
LARGEST_CROP = 1024

# JPEG markers that begin a frame, whose size follows.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def is_larger_than_crop(data: bytes) -> bool | None:
    """Whether a picture file's header says more than LARGEST_CROP pixels a side.

    None where that can't be told: it is of none of `FORMATS`, or damaged.
    """
    if data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)  # a tenth of Pillow's time
    else:
        from PIL import Image

        try:
            size = Image.open(io.BytesIO(data), formats=FORMATS).size
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return True
        except DAMAGED:
            return None
    return None if size is None else max(size) > LARGEST_CROP


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while data[place : place + 1] == b"\xff" and place + 9 <= len(data):
        marker = data[place + 1]
        if marker in _FRAMES:
            return int.from_bytes(data[place + 5 : place + 7]), int.from_bytes(data[place + 7 : place + 9])
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4])  # 255: padding
    return None
