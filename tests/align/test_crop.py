"""Five landmarks → crop: where the points land, what happens to large faces, which landmarks are refused."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from sface.align.crop import CROP_SIZE, TEMPLATE, align_face
from sface.errors import ImageError


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def test_a_crop_is_its_own_crop() -> None:
    image = smooth(112, 112)
    crop = align_face(image, TEMPLATE)
    assert crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, image)


@pytest.mark.parametrize("degrees", [0, 30, -80, 180])
@pytest.mark.parametrize("scale", [0.5, 1.3, 6.0])
def test_landmarks_land_on_the_template(degrees: float, scale: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (TEMPLATE - 56) @ turn.T * scale + [450, 400]
    image = np.zeros((800, 900, 3), np.uint8)
    y, x = np.mgrid[:800, :900]
    for i, (px, py) in enumerate(landmarks[[0, 1, 3]]):  # one colour each
        image[:, :, i] = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (4 * scale) ** 2))
    crop = align_face(image, landmarks.astype(np.float32)).astype(float)
    rows, columns = np.mgrid[:112, :112]
    for i, expected in enumerate(TEMPLATE[[0, 1, 3]]):
        weight = crop[:, :, i] / crop[:, :, i].sum()
        assert [(columns * weight).sum(), (rows * weight).sum()] == pytest.approx(expected, abs=0.1)


def test_noisy_landmarks_are_fitted_with_the_least_error() -> None:
    """The transform is a similarity: a stretched face stays stretched."""
    stretched = TEMPLATE * [1.0, 1.2]
    mark = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(mark, (56, 60), 20, (255, 255, 255), -1)
    crop = align_face(mark, stretched)
    filled = np.argwhere(crop[:, :, 0] > 127)
    height, width = np.ptp(filled, axis=0)
    assert abs(height - width) <= 1
    assert 34 <= width <= 39  # made smaller, by less than 1.2


def test_large_faces_are_averaged() -> None:
    image = smooth(112, 112)
    n = 5
    large = np.kron(image, np.ones((n, n, 1), np.uint8))
    np.testing.assert_array_equal(align_face(large, TEMPLATE * n + (n - 1) / 2), image)


def test_fine_texture_does_not_alias() -> None:
    y, x = np.mgrid[:1000, :1000]
    stripes = np.repeat((((x + y) % 3 == 0) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    inner = align_face(stripes, TEMPLATE * 7.3 + 80)[10:-10, 10:-10]
    assert abs(float(inner.mean()) - 85) < 2
    assert float(inner.std()) < 6


def test_beyond_the_photo_is_black() -> None:
    crop = align_face(np.full((112, 112, 3), 200, np.uint8), TEMPLATE - [56, 0])
    assert (crop[:, :55] == 0).all()
    assert (crop[:, 57:] == 200).all()


def test_other_sizes() -> None:
    image = smooth(224, 224)
    np.testing.assert_array_equal(align_face(image, TEMPLATE * 2, size=224), image)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), 7.0),
        np.full((5, 2), np.nan),
        np.where(np.eye(5, 2) > 0, np.inf, TEMPLATE),
        TEMPLATE[:4],
        TEMPLATE * 1e-9,
        TEMPLATE * 1e12,
    ],
    ids=["one point", "nan", "inf", "four", "too close", "too far"],
)
def test_landmarks_without_a_transform(landmarks: np.ndarray) -> None:
    with pytest.raises(ImageError, match="can't be aligned by the landmarks"):
        align_face(np.zeros((100, 100, 3), np.uint8), landmarks)


def test_the_template_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        TEMPLATE[0, 0] = 0


def test_works_without_onnxruntime() -> None:
    code = (
        "import sys, numpy as np\n"
        "sys.modules['onnxruntime'] = None\n"
        "from sface.align import TEMPLATE, align_face, load_image\n"
        "assert 'skimage' not in sys.modules\n"
        "image = load_image(np.zeros((200, 200), np.uint8))\n"
        "assert align_face(image, TEMPLATE).shape == (112, 112, 3)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_photo_wider_than_opencv_takes() -> None:
    image = np.zeros((150, 33000, 3), np.uint8)
    image[:112, 32000:32112] = smooth(112, 112)
    crop = align_face(image, TEMPLATE + np.array([32000, 0], np.float32))
    assert np.abs(crop.astype(int) - smooth(112, 112)).max() <= 2


def test_a_face_at_the_photos_edge_is_cut_as_from_a_larger_photo() -> None:
    image = smooth(320, 320)
    landmarks = (TEMPLATE - 56) * 1.7 + 30
    larger = np.zeros((520, 520, 3), np.uint8)
    larger[100:420, 100:420] = image
    crop = align_face(image, landmarks.astype(np.float32))
    expected = align_face(larger, (landmarks + 100).astype(np.float32))
    assert np.abs(crop.astype(int) - expected).max() <= 1


def test_landmarks_outside_the_photo() -> None:
    with pytest.raises(ImageError, match="outside the photo"):
        align_face(smooth(112, 112), TEMPLATE + np.array([500, 0], np.float32))
