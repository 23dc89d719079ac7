"""Augmentation: each change alone, how often it happens, and what it does to the pixels."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from sface.train.config import AugmentConfig
from sface.train.loading import augmentation as module
from sface.train.loading.augmentation import augment

SIZE = 112
OPTIONS = ("crop", "lowres", "color", "move", "grey")


def random_of(number: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([7, number]))


@pytest.fixture(scope="module")
def image() -> npt.NDArray[np.uint8]:
    """Noise without a black pixel, of three different means."""
    noise = random_of(0).integers(-60, 60, size=(SIZE, SIZE, 3))
    return (noise + np.array([150, 110, 70])).astype(np.uint8)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_how_often_a_picture_is_changed(image: npt.NDArray[np.uint8], option: str, probability: float) -> None:
    before = image.copy()
    config = AugmentConfig(**{option: probability})
    changed = [augment(image, config, random_of(number)) for number in range(1000)]
    assert all(result.shape == image.shape and result.dtype == np.uint8 for result in changed)
    count = sum(not np.array_equal(result, image) for result in changed)
    # 4 standard deviations; and where it is certain, a part that is kept may be the whole.
    assert abs(count - 1000 * probability) <= {0.0: 0, 0.2: 51, 1.0: 20}[probability]
    assert np.array_equal(image, before)  # it is the caller's


def test_the_same_random_numbers_make_the_same_change(image: npt.NDArray[np.uint8]) -> None:
    config = AugmentConfig(crop=0.5, lowres=0.5, color=0.5)
    results = [augment(image, config, random_of(number)).tobytes() for number in range(100)]
    assert results == [augment(image, config, random_of(number)).tobytes() for number in range(100)]
    unchanged = results.count(image.tobytes())
    assert len(set(results)) >= 98 - max(0, unchanged - 1)  # hardly two changes are alike
    assert 2 <= unchanged <= 26  # an eighth


def test_options_that_are_off_draw_nothing_before_the_others(image: npt.NDArray[np.uint8]) -> None:
    """A run that began before there were `move` and `grey` goes on with the same pictures."""
    for number in range(100):
        changed = not np.array_equal(augment(image, AugmentConfig(crop=0.5), random_of(number)), image)
        assert changed == (random_of(number).random() < 0.5)


@pytest.mark.parametrize("option", OPTIONS)
def test_no_change_depends_on_which_others_are_possible(image: npt.NDArray[np.uint8], option: str) -> None:
    """All at once differ from each alone: none hides the others."""
    every = AugmentConfig(crop=1, lowres=1, color=1, move=1, grey=1)
    without = dataclasses.replace(every, **{option: 0.0})
    assert all(
        not np.array_equal(augment(image, every, random_of(number)), augment(image, without, random_of(number)))
        for number in range(50)
    )


def test_a_crop_keeps_one_part_in_place_and_blackens_the_rest(image: npt.NDArray[np.uint8]) -> None:
    areas, ratios, corners = [], [], set()
    for number in range(400):
        result = augment(image, AugmentConfig(crop=1), random_of(number))
        kept = result.any(axis=2)
        rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert kept.sum() == height * width  # one rectangle
        assert np.array_equal(result[kept], image[kept])
        areas.append(height * width / SIZE**2)
        ratios.append(width / height)
        corners.add((rows[0], columns[0]))
    assert 0.18 < min(areas) < 0.25
    assert 0.9 < max(areas) <= 1
    assert 0.71 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.4
    assert len(corners) > 200


def test_low_resolution_takes_detail_and_leaves_the_mean(image: npt.NDArray[np.uint8]) -> None:
    details = []
    for number in range(300):
        result = augment(image, AugmentConfig(lowres=1), random_of(number))
        assert abs(result.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 12
        details.append(result.std(axis=(0, 1)).mean() / image.std(axis=(0, 1)).mean())
    assert np.mean(details) < 0.75
    assert min(details) < 0.2


def test_both_ways_to_lower_the_resolution_are_taken(
    image: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def way(name: str) -> Callable[..., npt.NDArray[np.uint8]]:
        def noted(image: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.uint8]:
            taken.append(name)
            return image

        return noted

    for name in ("_blur", "_make_small"):
        monkeypatch.setattr(module, name, way(name))
    for number in range(400):
        augment(image, AugmentConfig(lowres=1), random_of(number))
    assert len(taken) == 400
    assert 160 <= taken.count("_blur") <= 240


def grey(color: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return color @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.2])
def test_what_a_change_of_colour_does(image: npt.NDArray[np.uint8], change: str, factor: float) -> None:
    """Each of the three, pixel by pixel, by its definition: between the picture and black, its mean grey, its grey."""
    colors = image.astype(np.float64) * 0.5 + 60  # far from 0 and 255: nothing is cut off
    other = {
        "brightness": np.zeros_like(colors),
        "contrast": np.full_like(colors, grey(colors).mean()),
        "saturation": np.repeat(grey(colors)[..., None], 3, axis=2),
    }[change]
    number = ("brightness", "contrast", "saturation").index(change)
    matrix, shift = module._change(number, factor, colors.mean(axis=(0, 1)))
    assert np.allclose(colors @ matrix.T + shift, factor * colors + (1 - factor) * other)


def test_colours_change_by_as_much_as_they_should(image: npt.NDArray[np.uint8]) -> None:
    results = [augment(image, AugmentConfig(color=1), random_of(number)) for number in range(500)]
    brightness = np.array([result.mean() for result in results]) / image.mean()
    assert 0.48 < brightness.min() < 0.6
    assert 1.3 < brightness.max() < 1.6  # cutting off at 0 adds a little
    assert 0.95 < brightness.mean() < 1.05
    # Red minus blue: 80, times brightness, contrast and saturation.
    spread = np.array([result[..., 0].mean() - result[..., 2].mean() for result in results]) / 80
    assert spread.min() < 0.35
    assert spread.max() > 1.8
    one_grey = np.full((SIZE, SIZE, 3), 100, dtype=np.uint8)
    for number in range(50):
        result = augment(one_grey, AugmentConfig(color=1), random_of(number))
        assert np.ptp(result) <= 1  # stays grey, but for rounding


def test_moves_are_small_and_in_all_directions() -> None:
    """Where a dot comes to lie: of the middle, its shift; of two others, turn and scale."""
    dots = np.array([[56, 56], [26, 56], [86, 56]])
    places = []
    for number in range(300):
        image = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        for channel, (x, y) in enumerate(dots):
            image[y - 2 : y + 3, x - 2 : x + 3, channel] = 200
        result = augment(image, AugmentConfig(move=1), random_of(number)).astype(np.float64)
        weight = result.sum(axis=(0, 1))
        axis = np.arange(SIZE)
        places.append(np.stack([result.sum(axis=0).T @ axis / weight, result.sum(axis=1).T @ axis / weight], axis=1))
    moved = np.array(places)  # (300, dots, x y)
    shift = moved[:, 0] - 56
    assert 5 < np.abs(shift).max(axis=0).min() <= np.abs(shift).max() < 6.6
    assert np.abs(shift.mean(axis=0)).max() < 0.7
    across = moved[:, 2] - moved[:, 1]
    turn, scale = np.degrees(np.arctan2(across[:, 1], across[:, 0])), np.linalg.norm(across, axis=1) / 60
    assert -12.2 < turn.min() < -10 and 10 < turn.max() < 12.2
    assert 0.87 < scale.min() < 0.9 and 1.1 < scale.max() < 1.13


def test_edges_of_a_moved_picture_are_not_black(image: npt.NDArray[np.uint8]) -> None:
    assert min(augment(image, AugmentConfig(move=1), random_of(number)).min() for number in range(50)) > 0


def test_grey_is_the_pictures_own(image: npt.NDArray[np.uint8]) -> None:
    result = augment(image, AugmentConfig(grey=1), random_of(0))
    assert np.abs(result - grey(image.astype(np.float64))[..., None]).max() <= 0.51


@pytest.mark.parametrize("size", [2, 3, 112])
def test_any_size(size: int) -> None:
    image = random_of(1).integers(1, 256, size=(size, size, 3)).astype(np.uint8)
    for number in range(60):
        result = augment(image, AugmentConfig(1, 1, 1, 1, 1), random_of(number))
        assert result.shape == (size, size, 3)
        assert result.dtype == np.uint8
