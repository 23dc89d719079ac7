"""The quality figures move as a face's picture does."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.align.crop import TEMPLATE, align_face
from sface.align.quality import measure_quality

from .marked_photos import lfw


def turned(degrees: float) -> np.ndarray:
    """The template's landmarks with the head tilted clockwise in the image."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE @ rotation.T + [200, 100]).astype(np.float32)


@pytest.mark.parametrize("degrees", [-100, -30, 0, 45])
def test_roll_is_the_eyes_tilt_and_leaves_yaw_and_size_alone(degrees: float) -> None:
    crop = np.full((112, 112, 3), 51, np.uint8)
    level, tilted = measure_quality(crop, TEMPLATE), measure_quality(crop, turned(degrees))
    assert tilted.roll == pytest.approx(level.roll + degrees, abs=0.1)
    assert tilted.yaw == pytest.approx(level.yaw, abs=0.1)
    assert tilted.size == pytest.approx(35.24, abs=0.01)
    assert level.brightness == pytest.approx(0.2)
    assert level.sharpness == 0


def test_yaw_has_the_side_that_the_nose_points_to() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)

    def yaw(shift: float) -> float:
        landmarks = TEMPLATE.copy()
        landmarks[2, 0] += shift
        return measure_quality(crop, landmarks).yaw

    assert abs(yaw(0)) < 1
    assert yaw(10) > 20
    assert yaw(-10) < -20
    # A head turned by 30 degrees: the eyes come nearer to each other, the nose moves by its depth.
    landmarks = TEMPLATE.copy()
    middle, half = landmarks[:2, 0].mean(), np.ptp(landmarks[:2, 0]) / 2
    landmarks[:2, 0] = middle - half * np.cos(np.pi / 6), middle + half * np.cos(np.pi / 6)
    landmarks[2, 0] = middle + 0.55 * 2 * half * np.sin(np.pi / 6)
    assert measure_quality(crop, landmarks).yaw == pytest.approx(30, abs=0.5)


def test_eyes_in_one_point_are_figures_too() -> None:
    landmarks = TEMPLATE.copy()
    landmarks[1] = landmarks[0]
    quality = measure_quality(np.zeros((112, 112, 3), np.uint8), landmarks)
    assert (quality.size, quality.yaw, quality.roll) == (0, 0, 0)


def test_a_blurred_and_a_dark_photo(shared: Path) -> None:
    for image, _, landmarks in lfw(shared, 100):
        clear = measure_quality(align_face(image, landmarks), landmarks.astype(np.float32))
        blurred = measure_quality(align_face(cv2.GaussianBlur(image, (0, 0), 4), landmarks), landmarks)
        dark = measure_quality(align_face((image // 2).astype(np.uint8), landmarks), landmarks)
        assert blurred.sharpness < clear.sharpness / 3
        assert dark.brightness == pytest.approx(clear.brightness / 2, abs=0.01)
        assert blurred.brightness == pytest.approx(clear.brightness, abs=0.02)
        assert blurred.size == clear.size > 30
