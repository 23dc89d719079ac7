"""Picture files by name and header: which files of a folder are pictures, what can be decoded, how large a picture is.

Nothing is decoded here, and importing it loads neither Pillow nor OpenCV.
"""

import io
import struct
import zlib

from .jpeg import JPEG_START, read_header

# Endings of names, in small letters, that make a file a picture among other files. Not GIF: training, which decodes
# with OpenCV, reads none.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")

# Pillow reads more; what is missing here is rare among photos, or starts another program (EPS).
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF")

# What Pillow raises on damaged files, besides OSError; Warning where the caller turns warnings into errors.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, zlib.error, Warning)

# Pixels a side: face crops have some hundred, and a file of a few kilobytes may say that it has gigabytes of them.
LARGEST_CROP = 1024


def is_larger_than_crop(data: bytes) -> bool | None:
    """Whether a picture file's header says more than LARGEST_CROP pixels a side.

    None where that can't be told: it is of none of `FORMATS`, or damaged.
    """
    if data.startswith(JPEG_START):
        header = read_header(data)  # a tenth of Pillow's time
        size = None if header is None else (header.width, header.height)
    else:
        from PIL import Image

        try:
            size = Image.open(io.BytesIO(data), formats=FORMATS).size
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return True
        except DAMAGED:
            return None
    return None if size is None else max(size) > LARGEST_CROP
