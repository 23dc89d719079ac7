"""A face that was found, and which of several a photo is of."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFaceError


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that was found, in pixels of the photo that was searched.

    box        left, top, right, bottom; may reach beyond the photo
    landmarks  float32 (5, 2), x and y: image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1; not comparable between detectors
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float


def choose_face(faces: list[Face], image_shape: tuple[int, ...]) -> Face:
    """The face that a photo is of: large, near the centre, and not a doubtful one.

    image_shape  height, width, ... of the photo that `faces` were found in
    Raises NoFaceError where `faces` is empty.
    """
    if not faces:
        raise NoFaceError("no face was found")
    height, width = image_shape[:2]

    def prominence(face: Face) -> float:
        left, top, right, bottom = face.box
        size = math.sqrt((right - left) * (bottom - top))
        off_centre = math.hypot(left + right - width, top + bottom - height) / math.hypot(width, height)  # 1: a corner
        return size * (1 - off_centre) * face.score

    return max(faces, key=prominence)
