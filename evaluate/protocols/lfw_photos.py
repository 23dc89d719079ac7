"""LFW from its photos, NAME/NAME_0001.jpg, and one of the lists of pairs that come with them.

Such a list (Huang, Ramesh, Berg, Learned-Miller: "Labeled Faces in the Wild", 2007) begins with the number of folds
and that of a fold's genuine pairs ("10 300"), or with the latter alone for one fold ("500"). Each fold has so many
lines `NAME 1 4`, two photos of one person, and then as many `NAME 1 NAME 2`, photos of two people. View 2 is pairs.txt.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..figures.metrics import FOLDS
from .photo_pairs import PhotoPairs, from_paths, must_be_there, read_list


def open_lfw(root: Path, pairs_file: Path | None = None) -> PhotoPairs:
    """The pairs of the photos in `root` that `pairs_file` lists, by default pairs.txt in `root`.

    The ten folds are the list's where it has ten; else genuine and impostor pairs are taken by turns.

    Raises DataError that names the line where the list is damaged or names a photo that isn't there.
    """
    pairs_file = pairs_file or root / "pairs.txt"
    lines = read_list(pairs_file, "a list of pairs such as LFW's pairs.txt").rstrip().split("\n")
    folds, size = _header(pairs_file, lines[0])
    if len(lines) - 1 != 2 * folds * size:
        raise DataError(
            f"its first line speaks of {2 * folds * size:,} pairs, but {len(lines) - 1:,} lines follow",
            path=pairs_file,
            remedy="get it again",
        )
    pairs: list[tuple[Path, Path]] = []
    same: list[bool] = []
    names: dict[str, int] = {}
    persons: dict[Path, int] = {}
    for row, line in enumerate(lines[1:]):
        where = f"{pairs_file}: line {row + 2}"
        same.append(row // size % 2 == 0)
        (first, number), (second, other) = _photos(where, line, genuine=same[-1])
        pair = _path(root, first, number), _path(root, second, other)
        pairs.append(pair)
        for name, path in zip((first, second), pair, strict=True):
            must_be_there(path, where)
            persons[path] = names.setdefault(name, len(names))
    ten = folds == FOLDS
    protocol = f"photos of {root.resolve().name}, pairs and {'folds' if ten else 'people'} as in {pairs_file.name}"
    found = from_paths(root.resolve().name, protocol, pairs, same, persons)
    return replace(found, ten_folds=np.arange(len(same))) if ten else found


def _header(file: Path, line: str) -> tuple[int, int]:
    """Folds, and genuine pairs of each."""
    words = line.split()
    if not 1 <= len(words) <= 2 or not all(_is_number(word) for word in words):
        raise DataError("line 1: has no number of folds and of pairs, such as 10 300", path=file, remedy="get it again")
    return (1, int(words[0])) if len(words) == 1 else (int(words[0]), int(words[1]))


def _photos(where: str, line: str, *, genuine: bool) -> list[tuple[str, str]]:
    """Name and number of a pair's two photos."""
    words = line.split()
    if genuine and len(words) == 3:
        name, first, second = words
        photos = [(name, first), (name, second)]
    elif not genuine and len(words) == 4:
        photos = [(words[0], words[1]), (words[2], words[3])]
    else:
        wanted = "one person, NAME 1 4" if genuine else "two people, NAME 1 NAME 2"
        raise DataError(f"is no pair of {wanted}", path=where)
    for name, number in photos:
        if not _is_number(number) or name in (".", "..") or "/" in name or "\\" in name:
            raise DataError(f"{name} {number} is no name of a folder with a number of a photo", path=where)
    if photos[0] == photos[1] or (not genuine and photos[0][0] == photos[1][0]):
        raise DataError(f"names {'one photo' if genuine else 'one person'} twice", path=where)
    return photos


def _path(root: Path, name: str, number: str) -> Path:
    return root / name / f"{name}_{int(number):04}.jpg"


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10 and int(word) > 0
