"""Crops on which a face network and its file are compared: noise, and drawn faces."""

import numpy as np
from numpy.typing import NDArray

from ...align.crop import CROP_SIZE, align_face
from ...datasets.synthetic.faces import draw_face
from .parity import BATCHES


def proof_crops(size: int) -> list[NDArray[np.uint8]]:
    """The sets of crops for the proof of a network that takes `size` pixels: each uint8 (7, size, size, 3) RGB."""
    return [random_crops(max(BATCHES), size), drawn_crops(max(BATCHES), seed=1, size=size)]


def random_crops(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise, uint8 (count, size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def drawn_crops(count: int, seed: int, size: int = CROP_SIZE) -> NDArray[np.uint8]:
    """Draw `count` different people (at least 1), one picture each, and cut their faces out by the true landmarks.

    Returns uint8 (count, size, size, 3), RGB.
    """
    drawn = [draw_face(seed, person, 0) for person in range(count)]
    return np.stack([align_face(one.image, one.landmarks, size) for one in drawn])
