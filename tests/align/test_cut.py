"""A square of a photo as a small picture: the same as in float64, black beyond the photo; which are refused."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align.cut import cut_square

SIZE = 48


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(3).integers(60, 256, (height // 20, width // 20, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def transform(degrees: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    """To a picture whose middle shows the photo's point (x, y), `scale` pixels for each of the photo's."""
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, (SIZE - 1) / 2 - turn @ (x, y)])


def in_float64(image: NDArray[np.uint8], matrix: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Every pixel is the mean of samples x samples points, each interpolated between four pixels of the photo."""
    height, width = image.shape[:2]
    edged = np.zeros((height + 2, width + 2, 3))
    edged[1:-1, 1:-1] = image
    steps = (np.arange(SIZE * samples) + 0.5) / samples - 0.5
    points = np.stack(np.meshgrid(steps, steps), axis=-1)  # x, y in the picture
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    x, y = np.moveaxis(points @ inverse[:, :2].T + inverse[:, 2] + 1, -1, 0)
    x, y = x.clip(0, width + 0.999), y.clip(0, height + 0.999)
    column, row = x.astype(int), y.astype(int)
    right, below = (x - column)[..., None], (y - row)[..., None]
    upper = edged[row, column] * (1 - right) + edged[row, column + 1] * right
    lower = edged[row + 1, column] * (1 - right) + edged[row + 1, column + 1] * right
    fine = upper * (1 - below) + lower * below
    return np.asarray(fine.reshape(SIZE, samples, SIZE, samples, 3).mean(axis=(1, 3)))


@pytest.mark.parametrize("degrees", [0, 33, -90, 170])
@pytest.mark.parametrize(("scale", "samples"), [(1.0, 1), (2.5, 1), (0.6, 1), (0.45, 2), (0.2, 3), (0.11, 4)])
@pytest.mark.parametrize(("x", "y"), [(210.3, 160.8), (5.0, 300.0), (399.0, -8.0)], ids=["inside", "edge", "corner"])
def test_is_what_float64_gives(degrees: float, scale: float, samples: int, x: float, y: float) -> None:
    image, matrix = smooth(310, 400), transform(degrees, scale, x, y)
    before = matrix.copy()
    cut = cut_square(image, matrix, SIZE, samples)
    assert cut.shape == (SIZE, SIZE, 3)
    assert cut.dtype == np.uint8
    np.testing.assert_array_equal(matrix, before)
    gap = np.abs(cut - in_float64(image, matrix, samples))
    assert gap.mean() < 0.5
    assert gap.max() < 8  # OpenCV rounds a point to a 32nd of a pixel; beside black that is 255 / 32


@pytest.mark.parametrize("samples", [1, 2])
def test_beyond_the_photo_is_black(samples: int) -> None:
    """Half of the square lies beyond the left edge."""
    cut = cut_square(np.full((100, 100, 3), 200, np.uint8), transform(0, 1, -0.5, 50), SIZE, samples)
    assert (cut[:, :23] == 0).all()
    assert (cut[:, 25:] == 200).all()


def test_a_photo_that_lies_within_the_square_is_seen_whole() -> None:
    cut = cut_square(np.full((20, 10, 3), 200, np.uint8), transform(0, 1, 4.5, 9.5), SIZE, 1)
    np.testing.assert_array_equal(np.argwhere(cut[:, :, 0]).min(axis=0), [14, 19])
    np.testing.assert_array_equal(np.argwhere(cut[:, :, 0]).max(axis=0), [33, 28])
    assert int((cut == 200).sum()) == 20 * 10 * 3


@pytest.mark.parametrize(("x", "y"), [(-500, 50), (50, -500), (600, 50), (50, 1e9)])
def test_a_square_beside_the_photo_is_refused(x: float, y: float) -> None:
    with pytest.raises(ValueError, match="outside the photo"):
        cut_square(np.zeros((100, 100, 3), np.uint8), transform(20, 1, x, y), SIZE, 1)


def test_only_as_much_as_is_seen_must_be_small_enough_for_opencv() -> None:
    image = np.full((30, 40_000, 3), 90, np.uint8)
    assert (cut_square(image, transform(0, 2, 39_000, 15), SIZE, 1)[20:28] == 90).all()
    with pytest.raises(ValueError, match="too large"):
        cut_square(image, transform(0, 0.001, 20_000, 15), SIZE, 1)


def test_a_transform_without_an_inverse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"[Ss]ingular"):
        cut_square(smooth(100, 100), np.zeros((2, 3)), SIZE, 1)
