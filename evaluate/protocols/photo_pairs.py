"""Pairs of photos, however a protocol came by them, and their comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..figures.comparisons import Comparisons
from ..figures.metrics import FOLDS
from ..figures.pairs import similarities

# Pairs of each kind in ten folds that are made here, as many as LFW View 2 has.
IN_TEN_FOLDS = 3000


@dataclass(frozen=True, slots=True, eq=False)
class PhotoPairs:
    """P pairs of N photos.

    name, protocol, same, ten_folds  as of `Comparisons`
    photos   N paths, each once
    pairs    int64 (P, 2), numbers of photos
    persons  int32 (N,), who is on each photo, as numbers from 0
    """

    name: str
    protocol: str
    photos: tuple[Path, ...]
    pairs: NDArray[np.int64]
    same: NDArray[np.bool_]
    persons: NDArray[np.int32]
    ten_folds: NDArray[np.int64] | None

    def compare(self, units: NDArray[np.float32]) -> Comparisons:
        """Compare the photos of each pair by their unit vectors (N, D), rows of NaN where a photo gave no face."""
        return Comparisons(
            name=self.name,
            protocol=self.protocol,
            similarity=similarities(units, self.pairs).clip(-1, 1),
            same=self.same,
            people=self.persons[self.pairs],
            ten_folds=self.ten_folds,
            photos=len(self.photos),
            failed=int(np.isnan(units).any(axis=1).sum()),
        )


def from_paths(
    name: str, protocol: str, pairs: Sequence[tuple[Path, Path]], same: Sequence[bool], persons: Mapping[Path, int]
) -> PhotoPairs:
    """The pairs of a list: photos are numbered as they first occur; ten folds as `in_turns` makes them."""
    rows = {photo: row for row, photo in enumerate(dict.fromkeys(photo for pair in pairs for photo in pair))}
    return PhotoPairs(
        name=name,
        protocol=protocol,
        photos=tuple(rows),
        pairs=np.array([[rows[photo] for photo in pair] for pair in pairs], dtype=np.int64).reshape(-1, 2),
        same=np.array(same, dtype=bool),
        persons=np.array([persons[photo] for photo in rows], dtype=np.int32),
        ten_folds=in_turns(np.array(same, dtype=bool)),
    )


def in_turns(same: NDArray[np.bool_], seed: int = 0) -> NDArray[np.int64] | None:
    """Pairs for ten folds from a set that prescribes none, int64 (Q,): genuine and impostor by turns, so that each fold
    has as many of both; IN_TEN_FOLDS of each at most, and no more of one kind than of the other: an even sample.

    same  bool (P,); the same pairs for the same `seed`. None where there are fewer than five of a kind.
    """
    kinds = np.flatnonzero(same), np.flatnonzero(~same)
    count = min(IN_TEN_FOLDS, *map(len, kinds))
    if 2 * count < FOLDS:
        return None
    sampled = [kind[_sample(len(kind), count, seed)] for kind in kinds]
    by_turns: NDArray[np.int64] = np.stack(sampled, axis=1).reshape(-1)
    return by_turns


def read_list(path: Path, wanted: str) -> str:
    """The text of a list of pairs. Raises DataError where it is missing or no text; `wanted` says what is needed."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror})", path=path, remedy=f"needed is {wanted}") from None
    except UnicodeDecodeError:
        raise DataError("is no text in UTF-8", path=path, remedy=f"needed is {wanted}") from None


def must_be_there(photo: Path, where: str) -> None:
    """Raises DataError that names the line, `where`, if there is no such file."""
    try:
        if photo.is_file():
            return
    except OSError:  # a name that is too long, a folder that may not be read
        pass
    raise DataError(f"{photo}: there is no such photo", path=where)


def _sample(total: int, count: int, seed: int) -> NDArray[np.int64]:
    if total == count:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False, shuffle=False))
