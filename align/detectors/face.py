"""A face that was found, and how much a photo is of it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that was found, in pixels of the photo that was searched.

    box        left, top, right, bottom; may reach beyond the photo
    landmarks  float32 (5, 2), x and y: image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1; not comparable between detectors
    certainty  how certain the close look is that this is a face, upright but for its roll, 0..1; None before that look
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float
    certainty: float | None = None


def size(face: Face) -> float:
    """The side, in pixels, of a square as large as the face's box."""
    left, top, right, bottom = face.box
    return math.sqrt((right - left) * (bottom - top))


def off_centre(face: Face, image_shape: tuple[int, ...]) -> float:
    """How far the face is from the centre of a photo of (height, width, ...): 0, in the centre, to 1, in a corner."""
    left, top, right, bottom = face.box
    height, width = image_shape[:2]
    return math.hypot(left + right - width, top + bottom - height) / math.hypot(width, height)


def prominence(face: Face, image_shape: tuple[int, ...]) -> float:
    """How much a photo is of this face, in pixels: its size, less where it is off the centre or doubtful."""
    return size(face) * (1 - off_centre(face, image_shape)) * face.score
