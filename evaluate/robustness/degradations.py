"""What spoils pictures of faces, each in three levels from mild to severe.

A degradation takes a crop, uint8 (S, S, 3) RGB, and the number of its pair, and gives a crop of the same shape, always
the same for the same number. Lengths are in pixels of a crop of 112; others are spoilt in proportion.

Blur, JPEG and noise have levels of ImageNet-C, which is made of larger pictures, downscaling two sizes of its
pixelation (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
ICLR 2019, arXiv:1903.12261). Occlusion is random erasing (Zhong et al., AAAI 2020, arXiv:1708.04896) with fixed areas.
For darkness and rotation there is no standard: their levels are stops of exposure and degrees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.opencv import cv2

Crop = NDArray[np.uint8]

_CROP = 112  # pixels, which lengths are said in
_GREY = 128


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to spoil a crop.

    name   of the kind ("blur")
    level  how strong, in words with a unit ("sigma 2 px")
    apply  takes the crop and the number of its pair
    """

    name: str
    level: str
    apply: Callable[[Crop, int], Crop]


def blur(crop: Crop, _number: int, *, sigma: float) -> Crop:
    """Gaussian blur with a standard deviation of `sigma` pixels: a lens that is out of focus."""
    return _as_crop(cv2.GaussianBlur(crop, (0, 0), sigma * len(crop) / _CROP))


def jpeg(crop: Crop, _number: int, *, quality: int) -> Crop:
    """Written as a JPEG of this quality, 0 to 100, and read again."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return _as_crop(cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


def downscale(crop: Crop, _number: int, *, size: int) -> Crop:
    """Made smaller, to `size` pixels, and larger again: a face far away."""
    small = max(1, round(size * len(crop) / _CROP))
    reduced = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return _as_crop(cv2.resize(reduced, crop.shape[:2], interpolation=cv2.INTER_LINEAR))


def darken(crop: Crop, _number: int, *, stops: float) -> Crop:
    """Exposed `stops` less, each half the light, in sRGB (IEC 61966-2-1) with its 8 bits."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) / 2**stops
    darker = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return _as_crop(np.rint(255 * darker).astype(np.uint8)[crop])


def add_noise(crop: Crop, number: int, *, deviation: float) -> Crop:
    """Gaussian noise, independent for each pixel and colour; its standard deviation is a share of the range."""
    noise = np.random.default_rng(number).standard_normal(crop.shape, dtype=np.float32)
    return _as_crop(np.rint(crop + 255 * deviation * noise).clip(0, 255).astype(np.uint8))


def occlude(crop: Crop, number: int, *, share: float) -> Crop:
    """A grey square over this share of the crop, somewhere; larger ones for the same pair contain the smaller."""
    size = len(crop)
    side = round(size * share**0.5)
    top, left = np.rint((size - side) * np.random.default_rng(number).random(2)).astype(int)
    covered = crop.copy()
    covered[top : top + side, left : left + side] = _GREY
    return covered


def rotate(crop: Crop, number: int, *, degrees: float) -> Crop:
    """Turned about its centre, to the left for even numbers, to the right for odd ones; edges are continued."""
    size = len(crop)
    turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), -degrees if number % 2 else degrees, 1)
    return _as_crop(cv2.warpAffine(crop, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _as_crop(image: Any) -> Crop:
    crop: Crop = image
    return crop


DEGRADATIONS: tuple[Degradation, ...] = (
    *(Degradation("blur", f"sigma {sigma} px", partial(blur, sigma=sigma)) for sigma in (1, 2, 4)),
    *(Degradation("JPEG", f"quality {quality}", partial(jpeg, quality=quality)) for quality in (25, 15, 7)),
    *(Degradation("downscaling", f"to {size} px", partial(downscale, size=size)) for size in (56, 28, 14)),
    *(Degradation("darkness", f"-{stops} stops", partial(darken, stops=stops)) for stops in (4, 6, 8)),
    *(Degradation("noise", f"deviation {part} %", partial(add_noise, deviation=part / 100)) for part in (8, 18, 38)),
    *(Degradation("occlusion", f"{part} % covered", partial(occlude, share=part / 100)) for part in (10, 20, 40)),
    *(Degradation("rotation", f"{degrees} degrees", partial(rotate, degrees=degrees)) for degrees in (10, 20, 40)),
)
