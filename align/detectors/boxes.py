"""Boxes of faces: of those that overlap, keep the best; cut one out."""

import numpy as np
from numpy.typing import NDArray

from ...runtime.opencv import cv2


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float, *, of_smaller: bool = False
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes to keep, best score first.

    boxes       float32 (N, 4): left, top, right, bottom
    scores      float32 (N,)
    overlap     a box is dropped when it shares more than this part of its area with a better one
    of_smaller  the part is of the smaller box of the two (drops boxes within boxes), not of their union
    """
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    order = np.argsort(-scores, kind="stable")
    keep = []
    while order.size:
        best, order = order[0], order[1:]
        keep.append(best)
        width = np.minimum(right[best], right[order]) - np.maximum(left[best], left[order])
        height = np.minimum(bottom[best], bottom[order]) - np.maximum(top[best], top[order])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        whole = np.minimum(areas[best], areas[order]) if of_smaller else areas[best] + areas[order] - shared
        order = order[shared <= overlap * whole]
    return np.array(keep, dtype=np.intp)


def cut_out(image: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """A part of an image (H, W, 3): rows top..bottom, columns left..right; what lies beyond the image is black."""
    height, width = image.shape[:2]
    above, below = max(-top, 0), max(bottom - height, 0)
    before, behind = max(-left, 0), max(right - width, 0)
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if above == below == before == behind == 0:
        return inside
    cut: NDArray[np.uint8] = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_CONSTANT)
    return cut
