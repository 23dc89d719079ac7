"""Degradations: of the same shape, the same for the same pair, stronger at a higher level, as strong as they say."""

import io
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.evaluate.robustness.degradations import (
    DEGRADATIONS,
    Degradation,
    add_noise,
    blur,
    darken,
    downscale,
    jpeg,
    occlude,
    rotate,
)

NAMES = ["blur", "JPEG", "downscaling", "darkness", "noise", "occlusion", "rotation"]


@pytest.fixture(scope="module")
def crop() -> NDArray[np.uint8]:
    from sface.export.parity.proof_crops import drawn_crops

    drawn: NDArray[np.uint8] = drawn_crops(1, seed=3)[0]
    return drawn


def test_there_are_three_levels_of_each() -> None:
    assert [each.name for each in DEGRADATIONS] == [name for name in NAMES for _ in range(3)]
    assert len({(each.name, each.level) for each in DEGRADATIONS}) == 21
    assert [each.level for each in DEGRADATIONS if each.name in ("noise", "occlusion")] == [
        *("deviation 8 %", "deviation 18 %", "deviation 38 %"),
        *("10 % covered", "20 % covered", "40 % covered"),
    ]


@pytest.mark.parametrize("each", DEGRADATIONS, ids=lambda each: f"{each.name} {each.level}")
def test_shape_type_and_the_same_again(each: Degradation, crop: NDArray[np.uint8]) -> None:
    before = crop.copy()
    spoilt = each.apply(crop, 5)
    assert spoilt.shape == crop.shape
    assert spoilt.dtype == np.uint8
    assert np.array_equal(spoilt, each.apply(crop.copy(), 5))
    assert not np.array_equal(spoilt, crop)
    assert np.array_equal(crop, before)
    small = each.apply(crop[20:68, 30:78].copy(), 5)
    assert small.shape == (48, 48, 3)
    assert small.dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_a_higher_level_changes_more(name: str, crop: NDArray[np.uint8]) -> None:
    for number in range(8):
        changes = [
            np.abs(each.apply(crop, number).astype(float) - crop).mean() for each in DEGRADATIONS if each.name == name
        ]
        assert all(mild < severe for mild, severe in pairwise(changes)), changes


@pytest.mark.parametrize("name", ["noise", "occlusion", "rotation"])
def test_what_is_left_to_chance_differs_from_pair_to_pair(name: str, crop: NDArray[np.uint8]) -> None:
    each = next(each for each in DEGRADATIONS if each.name == name)
    assert not np.array_equal(each.apply(crop, 0), each.apply(crop, 1))


def test_blur_spreads_a_point_as_a_gaussian_does() -> None:
    point = np.zeros((112, 112, 3), dtype=np.uint8)
    point[50:62, 50:62] = 255
    x = np.arange(112)
    kernel = np.exp(-((x[:, None] - x) ** 2) / (2 * 2.0**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    expected = kernel @ point[:, :, 0].astype(float) @ kernel.T
    assert np.abs(blur(point, 0, sigma=2)[:, :, 1] - expected).max() < 2
    half = blur(point[28:84, 28:84].copy(), 0, sigma=4)  # half the crop, half the pixels
    assert np.abs(half[:, :, 1] - expected[28:84, 28:84]).max() < 2


def test_jpeg_is_that_of_another_library(crop: NDArray[np.uint8]) -> None:
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "JPEG", quality=15)
    assert np.abs(np.asarray(Image.open(file), dtype=float) - jpeg(crop, 0, quality=15)).mean() < 2


def test_downscaling_is_means_of_squares_enlarged(crop: NDArray[np.uint8]) -> None:
    small = Image.fromarray(np.rint(crop.reshape(14, 8, 14, 8, 3).mean(axis=(1, 3))).astype(np.uint8))
    expected = np.asarray(small.resize((112, 112), Image.Resampling.BILINEAR), dtype=float)
    assert np.abs(downscale(crop, 0, size=14) - expected).max() <= 2


def test_darkness_is_half_the_light_a_stop() -> None:
    grey = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)

    def light(value: NDArray[np.uint8]) -> NDArray[np.float64]:
        share = value / 255
        return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)

    bright = grey >= 64
    ratio = light(darken(grey, 0, stops=2))[bright] / light(grey)[bright]
    assert ratio == pytest.approx(0.25, rel=0.04)  # of 8 bits
    assert np.array_equal(darken(grey, 0, stops=0), grey)


def test_noise_has_the_deviation_that_it_says() -> None:
    grey = np.full((112, 112, 3), 128, dtype=np.uint8)
    noise = add_noise(grey, 3, deviation=0.08).astype(float) - 128
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02)
    assert abs(noise.mean()) < 0.5
    assert abs(np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 1].ravel())[0, 1]) < 0.03


def test_occlusion_covers_the_share_that_it_says_and_more_of_the_same_place(crop: NDArray[np.uint8]) -> None:
    for number in range(20):
        covered = [(occlude(crop, number, share=share) != crop).any(axis=2) for share in (0.1, 0.2, 0.4)]
        shares = [
            (occlude(np.zeros_like(crop), number, share=share) > 0).all(axis=2).mean() for share in (0.1, 0.2, 0.4)
        ]
        assert shares == pytest.approx([0.1, 0.2, 0.4], abs=0.01)
        assert all((inner <= outer).all() for inner, outer in pairwise(covered))


def test_rotation_is_about_the_centre_to_both_sides(crop: NDArray[np.uint8]) -> None:
    for degrees, turns in ((90, 1), (180, 2)):
        left, right = (rotate(crop, number, degrees=degrees).astype(float) for number in (0, 1))
        assert np.abs(left - np.rot90(crop, turns)).max() <= 1
        assert np.abs(right - np.rot90(crop, -turns)).max() <= 1
