"""The close look: the exact landmarks of a face that a detector has found, by the third network of MTCNN (O-Net; Zhang,
Zhang, Li, Qiao, IEEE SPL 2016), which looks along the face's own roll. docs/results.md says how exact they are.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cut import cut_square
from .face import Face
from .mtcnn_networks import Network, as_points

# How the landmarks come about, as model files and galleries name it: crops that were cut by other landmarks are not
# quite the same. The number goes up with every change that moves landmarks.
CLOSE_LOOK = "onet-1"

SIDE = 48  # of O-Net's picture, in pixels
# Side of the square that is looked at, of the longer side of the face's box: a detector's, O-Net's own. Chosen on every
# second of the marked photos.
_OF_DETECTOR, _OF_O_NET = 0.9, 0.85
# Another look where the one before showed the face turned by more, or off the middle or of another size by a larger
# share of the picture: then the detector's box, or its roll, was not exact.
_TURNED, _OFF = math.radians(8), 0.1
_MOST_LOOKS = 3
# Below this score O-Net sees no face, and the detector's landmarks are kept.
MIN_CERTAINTY = 0.5
_FARTHEST = 1e6  # pixels: no photo is so large
_MIRRORED = [1, 0, 2, 4, 3]  # the landmarks of a mirror image


class CloseLook:
    """O-Net on squares along a face's roll; `o_net`: the network onet.onnx. Threads may share it."""

    def __init__(self, o_net: Network) -> None:
        self._o_net = o_net

    def look(self, image: NDArray[np.uint8], face: Face) -> Face:
        """The face with its exact box, landmarks and certainty; the landmarks as they are where O-Net sees no face, and
        the certainty 0 where there is nothing to look at: a box beside the photo, or of no size.

        image  uint8 (H, W, 3) RGB, the photo in which the face was found
        """
        left, top, right, bottom = face.box
        centre = np.array([left + right, top + bottom], dtype=np.float64) / 2
        side, roll = max(right - left, bottom - top) * _OF_DETECTOR, _roll(face.landmarks)
        looked = Face(face.box, face.landmarks, face.score, 0.0)
        if not (side >= 1 and np.all(np.abs([*centre, side, roll]) < _FARTHEST)):  # not so where one is no number
            return looked
        for _ in range(_MOST_LOOKS):
            matrix = _to_picture(centre, side, roll)
            try:
                picture = cut_square(image, matrix, SIDE, max(1, min(4, round(side / SIDE / 2))))
            except ValueError:  # it lies beside the photo
                break
            box, points, certainty = self._see(picture)
            if certainty < MIN_CERTAINTY or not _are_of_a_face(points):
                return Face(face.box, face.landmarks, face.score, min(certainty, MIN_CERTAINTY))
            landmarks = _to_photo(points, matrix)
            middle, size = box.reshape(2, 2).mean(axis=0), (box[2:] - box[:2]) * side
            centre = _to_photo(middle, matrix)
            edges = np.concatenate([centre - size / 2, centre + size / 2])
            looked = Face(tuple(edges.tolist()), landmarks.astype(np.float32), face.score, certainty)
            turned, grown = _roll(landmarks) - roll, float(size.max()) * _OF_O_NET / side
            if abs(math.remainder(turned, math.tau)) < _TURNED and max(abs(grown - 1), *abs(middle - 0.5)) < _OFF:
                break
            roll, side = roll + turned, side * grown
        return looked

    def _see(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Box (4,) left, top, right, bottom, landmarks (5, 2) and score, as shares of the picture: the mean of what
        O-Net says of it and of its mirror image, which is more exact than either."""
        offsets, points, scores = self._o_net.run(np.stack([picture, picture[:, ::-1]]))
        left, top, right, bottom = (offsets + np.array([0, 0, 1, 1])).T  # each of the picture and of its mirror image
        box = np.array([left[0] + 1 - right[1], top.sum(), right[0] + 1 - left[1], bottom.sum()]) / 2
        straight, mirrored = as_points(points)
        landmarks = (straight + (mirrored * [-1, 1] + [1, 0])[_MIRRORED]) / 2
        return box.astype(np.float64), landmarks.astype(np.float64), float(scores[:, 1].mean())


def _roll(landmarks: NDArray[np.floating[Any]]) -> float:
    """The angle of the lines through the eyes and through the corners of the mouth."""
    x, y = landmarks[1] - landmarks[0] + landmarks[4] - landmarks[3]
    return math.atan2(y, x)


def _to_picture(centre: NDArray[np.float64], side: float, roll: float) -> NDArray[np.float64]:
    """The transform (2, 3) from the photo to the picture of a square that is turned by `roll`."""
    scale = SIDE / side
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]]) * scale
    return np.column_stack([turn, (SIDE - 1) / 2 - turn @ centre])


def _to_photo(shares: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (..., 2), as shares of the picture's side, in pixels of the photo."""
    inverse: NDArray[np.float64] = np.linalg.inv(matrix[:, :2])
    photo: NDArray[np.float64] = (shares * SIDE - 0.5 - matrix[:, 2]) @ inverse.T
    return photo


def _are_of_a_face(points: NDArray[np.float64]) -> bool:
    """Whether landmarks, as shares of the picture's side, can be those of a face that is upright but for its roll."""
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across = points[1] - points[0] + points[4] - points[3]
    down = mouth - eyes
    # The mouth lies below the eyes: a quarter turn clockwise from the direction across.
    is_below = bool(across[0] * down[1] - across[1] * down[0] > 0)
    is_near = bool((np.abs(points - 0.5) < 1).all())  # not so where a point is no number
    return is_below and is_near and float(np.hypot(*across)) > 0.1
