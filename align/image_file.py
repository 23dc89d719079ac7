"""Photo → upright RGB. The only place where pixels come in: what a file's format, orientation, colours and depth are
ends here, and so does what is not a picture."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.exif import UPRIGHT
from ..datasets.jpeg import JPEG_START, decode_jpeg, read_header, upright
from ..datasets.picture_files import DAMAGED, FORMATS
from ..errors import ImageError, UsageError

if TYPE_CHECKING:
    from PIL import Image

# Order of an array's channels. Inside the program an image is RGB; OpenCV, insightface and uniface have BGR.
Color = Literal["rgb", "bgr"]

_ORIENTATION = 0x0112  # the EXIF tag
_JPEG_BYTES = 4  # a pixel, at the most: a larger file holds other data too, which isn't all read into memory


def load_image(
    source: str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8],
    *,
    color: Color = "rgb",
    max_pixels: int = 50_000_000,
    name: str | None = None,
) -> NDArray[np.uint8]:
    """Read a photo: uint8 (H, W, 3) RGB, upright (turned as its EXIF orientation says).

    source      a path, the bytes of a file, a file open in binary mode, a Pillow image, or an array: uint8 (H, W, 3)
                in the order that `color` says or (H, W) grey, upright
    color       "rgb" or "bgr": order of an array's channels; of files, bytes and Pillow images it is known
    max_pixels  larger pictures are refused by their header, before any memory is spent on them; not for arrays
    name        what errors call a source that is no path; by default "image", or the name that an open file has

    JPEG, PNG, WebP, BMP, TIFF, GIF (first frame), PPM; grey, palette and CMYK become RGB, 16 bits become 8,
    transparent parts become white. Raises ImageError that names the file ("image" where it has no name) when it is
    missing, empty, truncated, damaged, too large or not a picture; UsageError when `source` is none of the above, or
    `color` unknown.
    """
    if color not in get_args(Color):
        raise UsageError(f"color {color!r}: must be 'rgb' or 'bgr'", argument="color")
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        try:
            with Path(source).open("rb") as file:
                return _read(file, path, max_pixels)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            raise ImageError(f"can't be opened ({getattr(error, 'strerror', None) or error})", path=path) from error
    name = name or str(getattr(source, "name", "image"))
    if isinstance(source, np.ndarray):
        return _from_array(source, color, name)
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), name, max_pixels)
    from PIL import Image

    if isinstance(source, Image.Image):
        return _decode(source, name, max_pixels)
    if hasattr(source, "read"):
        return _read(source, name, max_pixels)
    kind = type(source).__name__
    raise UsageError(
        f"{kind} is not a picture", path=name, remedy="give a path, bytes, a file, a Pillow image or an array"
    )


def _from_array(array: NDArray[Any], color: Color, name: str) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or array.size == 0:
        raise ImageError(f"an array must be uint8 (H, W, 3) or (H, W) grey, not {array.dtype} {array.shape}", path=name)
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array[:, :, ::-1] if color == "bgr" else array)


def _read(file: BinaryIO, name: str, max_pixels: int) -> NDArray[np.uint8]:
    pixels = None
    try:
        if not (hasattr(file, "seekable") and file.seekable()):  # a pipe
            file = io.BytesIO(file.read())
        if (size := file.seek(0, os.SEEK_END)) == 0:
            raise ImageError("is empty", path=name)
        file.seek(0)
        if size <= _JPEG_BYTES * max_pixels and file.read(len(JPEG_START)) == JPEG_START:
            file.seek(0)
            pixels = _read_jpeg(file.read(), name, max_pixels)
    except OSError as error:
        raise ImageError(f"is damaged or truncated ({error})", path=name) from error
    return _read_with_pillow(file, name, max_pixels) if pixels is None else pixels


def _read_jpeg(jpeg: bytes, name: str, max_pixels: int) -> NDArray[np.uint8] | None:
    """The pixels of most JPEG files, without loading Pillow; None: Pillow has to be asked."""
    if (header := read_header(jpeg)) is None:
        return None
    _check_size(header.width, header.height, name, max_pixels)
    return decode_jpeg(jpeg, header, name)


def _read_with_pillow(file: BinaryIO, name: str, max_pixels: int) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(f"is not a picture ({', '.join(FORMATS)}), or its start is damaged", path=name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("has too many pixels", path=name, remedy=f"make it smaller ({error})") from error
    except DAMAGED as error:
        raise ImageError(f"is damaged or truncated ({error})", path=name) from error
    return _decode(picture, name, max_pixels)


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels are more than {max_pixels}", path=name, remedy="make it smaller")
    if width * height == 0:
        raise ImageError("has no pixels", path=name)


def _decode(picture: Image.Image, name: str, max_pixels: int) -> NDArray[np.uint8]:
    _check_size(*picture.size, name, max_pixels)
    try:
        pixels = _to_rgb(picture, name)
    except DAMAGED as error:
        raise ImageError(f"is damaged or truncated ({error})", path=name) from error
    try:
        orientation = picture.getexif().get(_ORIENTATION, UPRIGHT)
    except DAMAGED:  # EXIF data, and no pixel
        orientation = UPRIGHT
    return np.ascontiguousarray(upright(pixels, orientation))


def _to_rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.mode.startswith("I;16"):  # Pillow's own conversion would cut everything above 255 off
        grey = (np.asarray(picture).astype(np.uint32) + 128) // 257
        return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
    if picture.mode in ("I", "F"):
        raise ImageError(
            "has pixels of 32 bits, whose range is not known", path=name, remedy="save it with 8 or 16 bits"
        )
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))
