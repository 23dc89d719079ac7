"""Verification sets on which two given networks differ, or don't."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sface.evaluate.crop_embedder import Embed
from sface.evaluate.figures.metrics import squared_distances

from .small_network import SIZE, draw_crops

BASES, HALVINGS = 80, 8


def write_easy_pairs(path: Path, size: int = SIZE) -> Path:
    """Twenty pairs that every network decides rightly: of one picture with itself, or with another."""
    crops = draw_crops(40, seed=5, size=size)
    pairs = [(crops[2 * pair], crops[2 * pair + pair % 2]) for pair in range(20)]
    return _write(path, pairs, [pair % 2 == 0 for pair in range(20)])


def write_pairs_for_one(path: Path, right: Embed, wrong: Embed, size: int = SIZE) -> Path:
    """Pairs that the network `right` decides rightly and `wrong` does not.

    Each is a picture and its mixture with another, in a share at which `right` finds their distance just below a
    threshold, or just above it. Where `wrong` finds it on the other side, the pair is called genuine, or impostor.
    """
    first, second = draw_crops(2 * BASES, size=size).reshape(2, BASES, size, size, 3)
    threshold = np.round(np.median(_distances(right, first, second)) / 2, 2)  # one of those that accuracy is found with
    near, far = np.ones((BASES, 1, 1, 1)), np.zeros((BASES, 1, 1, 1))  # shares of the first picture
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        below = (_distances(right, first, _mixture(middle, first, second)) < threshold).reshape(near.shape)
        near, far = np.where(below, middle, near), np.where(below, far, middle)
    sides = []
    for share, same in ((near, True), (far, False)):
        other = _mixture(share, first, second)
        known, mistaken = (_distances(embed, first, other) < threshold for embed in (right, wrong))
        sides.append([(first[base], other[base]) for base in np.flatnonzero((known == same) & (mistaken != same))])
    pairs = [pair for both in zip(*sides, strict=False) for pair in both]
    return _write(path, pairs, [place % 2 == 0 for place in range(len(pairs))])


def _mixture(share: NDArray[np.float64], first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(share * first + (1 - share) * second, dtype=np.uint8)


def _distances(embed: Embed, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """As verification measures them, with mirror images."""
    one, other = (embed(crops) + embed(np.ascontiguousarray(crops[:, :, ::-1])) for crops in (first, second))
    return squared_distances(one, other)


def _write(path: Path, pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]], same: list[bool]) -> Path:
    """A set such as lfw.bin of lossless pictures."""
    pictures = [np.ascontiguousarray(crop[:, :, ::-1]) for pair in pairs for crop in pair]
    images = [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures]
    path.write_bytes(pickle.dumps((images, same)))
    return path
