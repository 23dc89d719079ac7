"""A verification as a picture: both photos with what was found in them, the crops that were compared, the answer."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..align.crop import align_face
from ..align.image_file import Color, load_image
from ..align.photo_faces import FaceInfo
from ..errors import UsageError
from .verification import Verification

if TYPE_CHECKING:
    from PIL import Image

FORMATS = (".png", ".jpg", ".jpeg", ".webp")
# Pixels: height of a photo and its width at most, side of a crop, gap between them, height of a line of text.
PHOTO, WIDEST, CROP, GAP, LINE = 480, 1920, 224, 16, 28
_SAME, _DIFFERENT, _MARK = (40, 160, 70), (200, 60, 50), (255, 210, 0)


def check_target(path: Path, photos: Sequence[str]) -> None:
    """Raises UsageError where the path's ending is of no picture that can be written, or it is one of the photos."""
    _check_ending(path)
    if any(path.resolve() == Path(photo).resolve() for photo in photos):
        raise UsageError("is a photo itself, and would be overwritten", path=path, remedy="name another file")


def write_picture(
    path: str | os.PathLike[str],
    verification: Verification,
    images: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    *,
    color: Color = "rgb",
) -> None:
    """Write a verification as a picture: both photos with what was found in them, the crops, the answer.

    path    ends in .png, .jpg, .jpeg or .webp
    images  the two photos, upright, uint8 (H, W, 3) as `load_image` gives them
    color   the order of their channels: "rgb", or "bgr" as OpenCV has it

    Raises UsageError for another ending, StorageError where it can't be written; then nothing is.
    """
    path = Path(path)
    _check_ending(path)
    one, other = (load_image(image, color=color) for image in images)
    picture = draw(verification, (one, other))
    files.write_atomically(path, lambda temporary: picture.save(temporary))


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"can't be written as a picture; end its name in one of {', '.join(FORMATS)}", path=path)


def draw(verification: Verification, images: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> "Image.Image":
    """The picture of a verification, as Pillow has it: both photos, under each its crop, under all the answer."""
    from PIL import Image, ImageDraw, ImageFont

    columns = [_column(image, face) for image, face in zip(images, verification.faces, strict=True)]
    font = ImageFont.load_default(size=LINE * 0.7)
    text = str(verification)
    width = max(sum(column.width for column in columns) + 3 * GAP, int(font.getlength(text)) + 2 * GAP)
    picture = Image.new("RGB", (width, columns[0].height + LINE + 3 * GAP), "white")
    left = GAP
    for column in columns:
        picture.paste(column, (left, GAP))
        left += column.width + GAP
    answer = _SAME if verification.same else _DIFFERENT
    ImageDraw.Draw(picture).text((GAP, columns[0].height + 2 * GAP), text, fill=answer, font=font)
    return picture


def _column(image: NDArray[np.uint8], face: FaceInfo) -> "Image.Image":
    """A photo with the face's box and points, and its crop below."""
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    scale = min(PHOTO / height, WIDEST / width)
    photo = Image.fromarray(image).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    pen = ImageDraw.Draw(photo)
    pen.rectangle([scale * value for value in face.box], outline=_MARK, width=3)
    for x, y in np.asarray(face.landmarks, dtype=np.float64):
        pen.ellipse([scale * x - 4, scale * y - 4, scale * x + 4, scale * y + 4], fill=_MARK)
    crop = Image.fromarray(align_face(image, face.landmarks, CROP))
    column = Image.new("RGB", (max(photo.width, CROP), PHOTO + GAP + CROP), "white")
    column.paste(photo, (0, 0))
    column.paste(crop, ((column.width - CROP) // 2, PHOTO + GAP))
    return column
