"""Turned copies: where a point of the photo lies in them and back, how large they are, that nothing is cut off."""

import math

import numpy as np
import pytest

from sface.align.detectors.face import Face
from sface.align.detectors.turned_copy import LONGEST_SIDE, TurnedCopy

# height, width
SHAPES = [(1, 1), (7, 400), (250, 250), (640, 480), (641, 479), (1333, 1999), (5000, 20), (1, 3000), (3001, 4096)]
ANGLES = [45, -45, 0, 90, 20, -133.7]


def reduced(shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of what is turned."""
    height, width = shape
    scale = min(1, LONGEST_SIDE / max(shape))
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_copy(points: np.ndarray, photo: tuple[int, int], copy: tuple[int, ...], degrees: float) -> np.ndarray:
    """Points (N, 2) of a photo in its copy: clockwise about the middle, which stays the middle."""
    small = reduced(photo)
    angle = np.radians(degrees)
    x, y = ((points + 0.5) / photo[::-1] * small[::-1] - np.array(small[::-1]) / 2).T
    turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1)
    return np.asarray(turned + np.array(copy[1::-1]) / 2 - 0.5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("degrees", ANGLES)
def test_points_go_there_and_back(shape: tuple[int, int], degrees: float) -> None:
    copy = TurnedCopy(np.zeros((*shape, 3), np.uint8), degrees)
    points = np.random.default_rng(1).random((5, 2)) * shape[::-1]
    there = to_copy(points, shape, copy.image.shape, degrees)
    middle, half = there.mean(axis=0), 3.0
    box = (*(middle - half).tolist(), *(middle + half).tolist())
    face = copy.in_photo(Face(box, there.astype(np.float32), 0.8))
    np.testing.assert_allclose(face.landmarks, points, atol=1e-3)
    assert face.landmarks.dtype == np.float32
    assert all(type(value) is float for value in face.box)
    left, top, right, bottom = face.box
    assert [(left + right) / 2, (top + bottom) / 2] == pytest.approx(points.mean(axis=0), abs=1e-3)
    assert [right - left, bottom - top] == pytest.approx([2 * half / copy.scale] * 2)
    assert (face.score, face.certainty) == (0.8, None)


@pytest.mark.parametrize("shape", [(300, 200), (1500, 2000)])
@pytest.mark.parametrize("degrees", ANGLES)
def test_a_spot_is_seen_where_its_point_goes(shape: tuple[int, int], degrees: float) -> None:
    height, width = shape
    spot = np.array([0.7 * width, 0.35 * height])
    y, x = np.mgrid[:height, :width]
    light = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (0.02 * max(shape)) ** 2))
    copy = TurnedCopy(np.repeat(light.astype(np.uint8)[:, :, None], 3, axis=2), degrees).image[:, :, 0].astype(float)
    rows, columns = np.mgrid[: copy.shape[0], : copy.shape[1]]
    seen = np.array([(columns * copy).sum(), (rows * copy).sum()]) / copy.sum()
    assert seen == pytest.approx(to_copy(spot[None], shape, copy.shape, degrees)[0], abs=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_large_photos_are_reduced_and_small_ones_stay(shape: tuple[int, int]) -> None:
    copy = TurnedCopy(np.zeros((*shape, 3), np.uint8), 45)
    assert copy.scale == pytest.approx(min(1, 640 / max(shape)))
    height, width = reduced(shape)
    assert copy.image.shape == (math.ceil((height + width) / math.sqrt(2)),) * 2 + (3,)


@pytest.mark.parametrize("shape", [(250, 250), (640, 90), (1333, 1999), (5000, 20)])
@pytest.mark.parametrize("degrees", ANGLES)
def test_nothing_is_cut_off_and_corners_are_black(shape: tuple[int, int], degrees: float) -> None:
    copy = TurnedCopy(np.full((*shape, 3), 200, np.uint8), degrees).image
    height, width = reduced(shape)
    assert copy.astype(float).sum() == pytest.approx(200 * 3 * height * width, rel=0.02)
    if degrees % 90:
        assert not copy[[0, 0, -1, -1], [0, -1, 0, -1]].any()
