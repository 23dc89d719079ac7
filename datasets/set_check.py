"""What there is to know about a training set before a run: what can't be read, what is there twice, class sizes."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, UsageError
from ..output import Output
from ..processes.read_ahead import read_ahead
from ..progress import progress
from ..runtime import dependencies
from .class_size_plot import plot_class_sizes
from .image_sets import UNREADABLE_SHARE, ImageSet, open_image_set

_DIGEST = 16  # bytes of the sha256 that are kept of each image: two different ones agree by chance in no set


@dataclass(frozen=True, slots=True, eq=False)
class SetCheck:
    """What a check has found.

    images        the set that was checked
    class_sizes   int64 (num_classes,): images of each person, those that can't be read included
    unreadable    index of each image that can't be read, or has another size, and why
    within        images of one person with the same pixels: lists of two indices or more, in rising order
    across        the same where not all are of one person
    plot          the picture of the class sizes that was written; or None
    """

    images: ImageSet
    class_sizes: NDArray[np.int64]
    unreadable: dict[int, str]
    within: list[list[int]]
    across: list[list[int]]
    plot: Path | None

    @property
    def refused(self) -> bool:
        """Whether so much is unreadable that training refuses the set: more than 1 %."""
        return len(self.unreadable) > UNREADABLE_SHARE * len(self.images)

    def to_dict(self) -> dict[str, Any]:
        """All findings by name, with the images' files or records in place of their indices, ready for JSON."""
        images, sizes = self.images, self.class_sizes
        return {
            "path": str(images.root),
            "layout": images.kind,
            "people": images.num_classes,
            "images": len(images),
            "size": images.size,
            "images_per_person": {
                "min": int(sizes.min()),
                "median": float(np.median(sizes)),
                "max": int(sizes.max()),
                "people_without": int(np.count_nonzero(sizes == 0)),
            },
            "unreadable": [{"image": images.where(index), "why": why} for index, why in self.unreadable.items()],
            "equal_of_one_person": [[images.where(index) for index in group] for group in self.within],
            "equal_of_different_people": [[images.where(index) for index in group] for group in self.across],
            "refused": self.refused,
            "plot": None if self.plot is None else str(self.plot),
        }


def check(
    root: str | os.PathLike[str], *, plot: str | os.PathLike[str] | None = None, output: Output | None = None
) -> SetCheck:
    """Decode every image of a training set: count people and images, find what can't be read and what is there twice.

    root    the set's folder
    plot    PNG file to write: how many images each person has, see `plot_class_sizes`
    output  where progress is shown; None: nowhere

    Raises DataError where the set can't be opened, UsageError where `plot` is no PNG file's name, DependencyError
    where matplotlib is missing for it, StorageError where it can't be written.
    """
    if plot is not None:
        plot = Path(plot)
        if plot.suffix.lower() != ".png" or plot.is_dir():
            raise UsageError(f"plot {plot}: name a file that ends with .png", argument="plot")
        dependencies.require("matplotlib", "train")  # now, not when all is done
    images = open_image_set(root)
    digests, unreadable = _digests(images, output or Output(quiet=True))
    readable = np.ones(len(images), dtype=bool)
    readable[list(unreadable)] = False
    within: list[list[int]] = []
    across: list[list[int]] = []
    for group in _equal(digests, np.flatnonzero(readable)):
        (within if np.ptp(images.labels[group]) == 0 else across).append(group)
    sizes = np.bincount(images.labels[images.labels >= 0], minlength=images.num_classes)
    if plot is not None:
        plot_class_sizes(sizes, f"{images.name}: {len(images):,} images", plot)
    return SetCheck(images, sizes, unreadable, within, across, plot)


def _digests(images: ImageSet, output: Output) -> tuple[NDArray[np.void], dict[int, str]]:
    """The digest of each image's pixels, (N,), and why those that have none can't be read."""
    digests = np.zeros(len(images), dtype=f"V{_DIGEST}")
    unreadable: dict[int, str] = {}

    def digest(index: int) -> bytes | str:
        try:
            return sha256(images.image(index).data).digest()[:_DIGEST]
        except ImageError as error:
            return str(error)

    with progress(len(images), "images", output) as advance:
        for index, result in enumerate(read_ahead(digest, range(len(images)))):
            advance()
            if isinstance(result, str):
                unreadable[index] = result
            else:
                digests[index] = np.void(result)
    return digests, unreadable


def _equal(digests: NDArray[np.void], indices: NDArray[np.int64]) -> list[list[int]]:
    """Groups of those `indices` that have the same digest."""
    ordered = indices[np.argsort(digests[indices], kind="stable")]
    starts = np.flatnonzero(digests[ordered][1:] != digests[ordered][:-1]) + 1
    bounds = np.concatenate([[0], starts, [len(ordered)]])
    return sorted(ordered[bounds[run] : bounds[run + 1]].tolist() for run in np.flatnonzero(np.diff(bounds) > 1))
