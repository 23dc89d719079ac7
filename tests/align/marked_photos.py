"""Photos with five points marked by hand, and how far a detector's points are from them."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from sface.align.detectors.detector import Detector
from sface.align.detectors.find import find_faces
from sface.align.image_file import load_image


def lfw(shared: Path, every: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Photo (250, 250, 3), box (4,) left, top, right, bottom, and points (5, 2) of every n-th marked LFW photo."""
    folder = shared / "photos" / "lfw"
    lines = [line for line in (folder / "landmarks5.txt").read_text().splitlines() if not line.startswith("#")]
    for line in lines[::every]:
        name, *numbers = line.split()
        left, right, top, bottom, *points = map(float, numbers)
        yield load_image(folder / name), np.array([left, top, right, bottom]), np.array(points).reshape(5, 2)


def london(shared: Path, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photo (1350, 1350, 3) and pupils (2, 2) of some people of the London set."""
    for path in sorted((shared / "photos" / "london").glob("*_03.tem"))[:count]:
        pupils = [[float(number) for number in line.split()] for line in path.read_text().splitlines()[1:3]]
        yield load_image(path.with_suffix(".jpg")), np.array(pupils)


def point_error(found: np.ndarray, marked: np.ndarray) -> float:
    """Mean distance of the points, as a share of the distance between the eyes."""
    return float(np.linalg.norm(found - marked, axis=1).mean() / np.linalg.norm(marked[0] - marked[1]))


def errors(detector: Detector, shared: Path, every: int) -> list[float]:
    """The error on each photo; fails where the marked face is not the one that is chosen."""
    values = []
    for image, box, points in lfw(shared, every):
        (face,), _ = find_faces(image, detector)
        middle = (np.array(face.box[:2]) + face.box[2:]) / 2
        assert (box[:2] < middle).all() and (middle < box[2:]).all()
        values.append(point_error(face.landmarks, points))
    return values


def cut_tight(image: np.ndarray, box: np.ndarray, sides: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo cut to a square around the marked box, `sides` times as wide; and the cut's left top corner."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2] - box[0]) * sides / 2
    left, top = np.maximum(middle - half, 0).astype(int)
    right, bottom = (middle + half).astype(int)
    return np.ascontiguousarray(image[top:bottom, left:right]), np.array([left, top])


def turned(image: np.ndarray, points: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Photo and points turned about the photo's middle, counter-clockwise; the photo is mirrored at its edges."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    picture = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(picture), points @ matrix[:, :2].T + matrix[:, 2]
