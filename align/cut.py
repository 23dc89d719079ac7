"""A turned and scaled square of a photo → a small picture, in one warp of the smallest sufficient part."""

import numpy as np
from numpy.typing import NDArray

from ..runtime.opencv import cv2

_MARGIN = 3  # pixels: more than interpolation reads beside a point
# OpenCV takes no picture with a side of so many pixels or more.
_TOO_LONG = 32767


def cut_square(image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, samples: int) -> NDArray[np.uint8]:
    """Cut a square out of a photo: uint8 (size, size, 3); what lies beyond the photo is black.

    image    uint8 (H, W, 3)
    matrix   (2, 3), the similarity transform from the photo to the picture; (0, 0) is the middle of the first pixel
    samples  points of the photo, in each direction, that are averaged to a pixel

    Raises ValueError where the square lies beyond the photo or more than 32,766 of its pixels are to be seen in a row.
    """
    larger = matrix * samples
    larger[:, 2] += (samples - 1) / 2  # the middle of so many pixels
    square = np.array([(0, 0), (size, 0), (0, size), (size, size)]) - 0.5  # the outer edges of its pixels
    corners = np.linalg.solve(matrix[:, :2], (square - matrix[:, 2]).T).T
    left, top = np.clip(corners.min(axis=0) - _MARGIN, 0, image.shape[1::-1]).astype(int)
    right, bottom = np.clip(corners.max(axis=0) + _MARGIN, 0, image.shape[1::-1]).astype(int)
    if right <= left or bottom <= top:
        raise ValueError("it lies outside the photo")
    if max(right - left, bottom - top) >= _TOO_LONG:
        raise ValueError("it is too large")
    larger[:, 2] += larger[:, :2] @ (left, top)
    side = size * samples
    cut: NDArray[np.uint8] = cv2.warpAffine(image[top:bottom, left:right], larger, (side, side), flags=cv2.INTER_LINEAR)
    return cut if samples == 1 else cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
