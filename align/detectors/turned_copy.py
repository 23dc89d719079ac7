"""A smaller, turned copy of a photo, in which a detector sees faces that are tilted in the photo itself."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.opencv import cv2
from .face import Face

LONGEST_SIDE = 640  # in pixels, of what is turned: enough for large faces


class TurnedCopy:
    """An image uint8 (H, W, 3) turned by `degrees`, clockwise, and reduced; nothing is cut off, corners are black.

    Attributes: image; scale, the size of a face in it as a share of its size in the photo.
    """

    def __init__(self, photo: NDArray[np.uint8], degrees: float) -> None:
        height, width = photo.shape[:2]
        self.scale = min(1.0, LONGEST_SIDE / max(height, width))
        small = photo
        if self.scale < 1:
            sides = max(1, round(width * self.scale)), max(1, round(height * self.scale))
            small = cv2.resize(photo, sides, interpolation=cv2.INTER_AREA)
        stretch = np.array([width / small.shape[1], height / small.shape[0]])  # sides are whole numbers of pixels
        height, width = small.shape[:2]
        angle = math.radians(degrees)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        sides = np.ceil(np.abs(turn) @ (width, height)).astype(int)
        shift = (sides - 1) / 2 - turn @ [(width - 1) / 2, (height - 1) / 2]
        self.image: NDArray[np.uint8] = cv2.warpAffine(small, np.column_stack([turn, shift]), sides.tolist())
        # From a point of the copy to one of the photo, whose pixels have their middle at whole numbers.
        self._back = turn.T * stretch[:, None]
        self._shift = (0.5 - shift @ turn) * stretch - 0.5

    def in_photo(self, face: Face) -> Face:
        """A face that was found in the copy, in pixels of the photo; its box is upright there."""
        left, top, right, bottom = face.box
        x, y = self._point(np.array([left + right, top + bottom]) / 2).tolist()
        half_width, half_height = (right - left) / 2 / self.scale, (bottom - top) / 2 / self.scale
        box = (x - half_width, y - half_height, x + half_width, y + half_height)
        return Face(box, self._point(face.landmarks).astype(np.float32), face.score)

    def _point(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = points @ self._back.T + self._shift
        return moved
