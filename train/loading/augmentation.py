"""Changes of training crops beside mirroring: moved a little, part of it black, lower resolution or blur, other
colours, grey; and blends of two crops.

Part black, low resolution and colours are the recipe of AdaFace (Kim, Jain, Liu: "AdaFace: Quality Adaptive Margin for
Face Recognition", CVPR 2022, arXiv:2204.00964), where each of the three has a probability of 0.2, plus the blur. Blends
are those of mixup (Zhang et al.: "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv:1710.09412).
"""

import math

import numpy as np
import numpy.typing as npt

from ...datasets.image_sets import Image
from ...runtime.opencv import cv2
from ..config import AugmentConfig

SHIFT = 6.0  # pixels of a crop of 112, each way, at most
TURN = 12.0  # degrees, at most
SCALE = (0.88, 1.12)
KEPT_AREA = (0.2, 1.0)  # of the crop
KEPT_RATIO = (3 / 4, 4 / 3)  # width by height
SMALL_SIDE = (0.2, 1.0)  # of the crop's
BLUR_SIGMA = (0.5, 2.5)  # pixels of a crop of 112
COLOR_FACTOR = (0.5, 1.5)  # of brightness, contrast and saturation
_INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
_GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601


def augment(image: Image, config: AugmentConfig, random: np.random.Generator) -> Image:
    """Change a crop, each way with its probability, as `random` says; the crop itself comes back where nothing changes.

    image: uint8 (size, size, 3) RGB, size >= 2; it is not written to. Gives the same shape, type and colour order.
    """
    if config.move and random.random() < config.move:
        image = _move(image, random)
    if random.random() < config.crop:
        image = _keep_part(image, random)
    if random.random() < config.lowres:
        image = (_blur if random.random() < 0.5 else _make_small)(image, random)
    if random.random() < config.color:
        image = _recolor(image, random)
    if random.random() < config.grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return image


def blend(image: Image, other: Image, random: np.random.Generator) -> Image:
    """A mean of two crops, uint8 (size, size, 3), each with a share of 0 to 1."""
    share = random.random()
    result: Image = cv2.addWeighted(image, share, other, 1 - share, 0)
    return result


def _move(image: Image, random: np.random.Generator) -> Image:
    """Shifted, turned and scaled, about its centre; what comes in at the edges is a copy of what was there."""
    size = len(image)
    middle = (size - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), random.uniform(-TURN, TURN), random.uniform(*SCALE))
    turn[:, 2] += random.uniform(-SHIFT, SHIFT, size=2) * size / 112
    result: Image = cv2.warpAffine(image, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return result


def _keep_part(image: Image, random: np.random.Generator) -> Image:
    size = len(image)
    side = size * math.sqrt(random.uniform(*KEPT_AREA))
    stretch = math.exp(random.uniform(*np.log(KEPT_RATIO)) / 2)
    height, width = (min(size, max(1, round(edge))) for edge in (side / stretch, side * stretch))
    top, left = random.integers(size - height + 1), random.integers(size - width + 1)
    kept = np.zeros_like(image)
    kept[top : top + height, left : left + width] = image[top : top + height, left : left + width]
    return kept


def _make_small(image: Image, random: np.random.Generator) -> Image:
    """Down to a part of its size and up again, each by any way of interpolation."""
    size = len(image)
    small = min(size - 1, max(1, round(size * random.uniform(*SMALL_SIDE))))
    down, up = (_INTERPOLATIONS[choice] for choice in random.integers(len(_INTERPOLATIONS), size=2))
    result: Image = cv2.resize(cv2.resize(image, (small, small), interpolation=down), (size, size), interpolation=up)
    return result


def _blur(image: Image, random: np.random.Generator) -> Image:
    result: Image = cv2.GaussianBlur(image, (0, 0), random.uniform(*BLUR_SIGMA) * len(image) / 112)
    return result


def _recolor(image: Image, random: np.random.Generator) -> Image:
    """Brightness, contrast and saturation in any order; values are rounded and cut to 0..255 once, at the end."""
    mean = np.array(cv2.mean(image)[:3])
    matrix, shift = np.eye(3), np.zeros(3)  # a colour becomes matrix @ colour + shift
    factors = random.uniform(*COLOR_FACTOR, size=3)
    for change in random.permutation(3):
        turn, push = _change(int(change), float(factors[change]), matrix @ mean + shift)
        matrix, shift = turn @ matrix, turn @ shift + push
    result: Image = cv2.transform(image, np.column_stack([matrix, shift]))
    return result


def _change(
    change: int, factor: float, mean: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Matrix (3, 3) and shift (3,) of a change of colours whose mean, so far, is `mean`."""
    if change == 0:  # brightness
        return factor * np.eye(3), np.zeros(3)
    if change == 1:  # contrast: away from the mean grey, or towards it
        return factor * np.eye(3), np.full(3, (1 - factor) * (_GREY @ mean))
    return factor * np.eye(3) + (1 - factor) * _GREY, np.zeros(3)  # saturation: the same with each pixel's own grey
