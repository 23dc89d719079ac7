"""Genuine and impostor pairs of a set of people's photos, and their similarities."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.picture_files import PICTURE_SUFFIXES
from ...errors import DataError

# Pairs of one kind that are measured: what a false match rate of 1e-6 takes (the rule of three), done in seconds.
LIMIT = 3_000_000

_CHUNK = 4096


def people_in(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person in a folder that holds a folder per person, both sorted by name.

    Hidden files and folders, files that are no pictures by their names, files beside the people's folders and folders
    without a picture are left out.

    Raises DataError where the folder is missing, or there are not two people, or nobody has two photos.
    """
    if not folder.is_dir():
        raise DataError("not a folder" if folder.exists() else "there is no such folder", path=folder)
    people = {}
    for person in sorted(folder.iterdir()):
        if person.is_dir() and not person.name.startswith("."):
            photos = sorted(path for path in person.iterdir() if _is_picture(path))
            if photos:
                people[person.name] = photos
    if len(people) < 2:
        raise DataError(
            f"holds photos of {len(people)} people", path=folder, remedy="needed are two folders or more, one a person"
        )
    if all(len(photos) < 2 for photos in people.values()):
        raise DataError("nobody in it has two photos; genuine pairs need people with two or more", path=folder)
    return people


def _is_picture(path: Path) -> bool:
    name = path.name.lower()
    return path.is_file() and name.endswith(PICTURE_SUFFIXES) and not name.startswith(".")


def draw_pairs(
    labels: NDArray[np.integer[Any]], *, genuine: bool, limit: int = LIMIT, seed: int = 0
) -> NDArray[np.int64]:
    """Pairs of different faces, int64 (P, 2), as indices into `labels` (N,), which says who each face is.

    genuine  True: all pairs of the same person; False: all pairs of two people
    Where there are more than `limit`, that many of them, drawn evenly; the same for the same `seed`.
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    rows = np.arange(len(labels))
    ends = np.searchsorted(ordered, ordered, side="right")
    # With the faces in the order of their people, the partners of a face that come after it are, for genuine pairs,
    # those up to its person's last, for impostor pairs, those beyond. Pairs are numbered in that order, so that
    # drawing numbers is enough: the pairs are too many to be listed.
    first, last = (rows + 1, ends) if genuine else (ends, np.full_like(ends, len(labels)))
    until = np.cumsum(last - first)
    total = int(until[-1]) if len(until) else 0
    if total > limit:
        numbers = np.sort(np.random.default_rng(seed).choice(total, limit, replace=False, shuffle=False))
    else:
        numbers = np.arange(total)
    row = np.searchsorted(until, numbers, side="right")
    column = last[row] - (until[row] - numbers)
    pairs: NDArray[np.int64] = np.stack([order[row], order[column]], axis=1).astype(np.int64)
    return pairs


def similarities(embeddings: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cosines (P,) of the pairs (P, 2) of unit `embeddings` (N, D), computed in float64 as a decision is."""
    cosines = np.empty(len(pairs), dtype=np.float64)
    for start in range(0, len(pairs), _CHUNK):
        first, second = embeddings[pairs[start : start + _CHUNK].T].astype(np.float64)
        cosines[start : start + _CHUNK] = (first * second).sum(axis=1)
    return cosines
