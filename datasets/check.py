"""What there is to know about a training set before a run: what can't be read, what is there twice, class sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..processes.read_ahead import read_ahead
from ..train.loading.batches import UNREADABLE_SHARE
from .image_sets import ImageSet

_DIGEST = 16  # bytes of the sha256 that are kept of each image: two different ones agree by chance in no set


@dataclass(frozen=True, slots=True)
class SetCheck:
    """What was found.

    class_sizes   int64 (num_classes,): images of each person, those that can't be read included
    unreadable    index of each image that can't be read, or has another size, and why
    within        images of one person with the same pixels: lists of two indices or more, in rising order
    across        the same where not all are of one person
    refused       whether so much is unreadable that training refuses the set
    """

    class_sizes: NDArray[np.int64]
    unreadable: dict[int, str]
    within: list[list[int]]
    across: list[list[int]]
    refused: bool


def check_set(images: ImageSet, seen: Callable[[], object]) -> SetCheck:
    """Decode every image of the set; `seen` is called for each."""
    digests = np.zeros(len(images), dtype=f"V{_DIGEST}")
    unreadable: dict[int, str] = {}

    def digest(index: int) -> bytes | str:
        try:
            return sha256(images.image(index).data).digest()[:_DIGEST]
        except ImageError as error:
            return str(error)

    for index, result in enumerate(read_ahead(digest, range(len(images)))):
        seen()
        if isinstance(result, str):
            unreadable[index] = result
        else:
            digests[index] = np.void(result)
    readable = np.ones(len(images), dtype=bool)
    readable[list(unreadable)] = False
    within: list[list[int]] = []
    across: list[list[int]] = []
    for group in _equal(digests, np.flatnonzero(readable)):
        (within if np.ptp(images.labels[group]) == 0 else across).append(group)
    sizes = np.bincount(images.labels[images.labels >= 0], minlength=images.num_classes)
    return SetCheck(sizes, unreadable, within, across, len(unreadable) > UNREADABLE_SHARE * len(images))


def _equal(digests: NDArray[np.void], indices: NDArray[np.int64]) -> list[list[int]]:
    """Groups of those `indices` that have the same digest."""
    ordered = indices[np.argsort(digests[indices], kind="stable")]
    starts = np.flatnonzero(digests[ordered][1:] != digests[ordered][:-1]) + 1
    bounds = np.concatenate([[0], starts, [len(ordered)]])
    return sorted(ordered[bounds[run] : bounds[run + 1]].tolist() for run in np.flatnonzero(np.diff(bounds) > 1))
