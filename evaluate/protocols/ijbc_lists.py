"""The list files of IJB-C 1:1 verification, as they are published beside InsightFace's evaluation.

ijbc_face_tid_mid.txt          "1.jpg 1 69544": picture, its template, the medium (a still or a video) that it is from
ijbc_name_5pts_score.txt       "1.jpg x y x y x y x y x y 0.99": picture, five landmarks in its pixels, the detector's
                               score; the pictures in the order of the first file
ijbc_template_pair_label.txt   "1 11065 1": two templates, 1 where they are of one person, else 0
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

PICTURES = "loose_crop"
_LISTS = "meta"
_LARGEST = 1 << 31  # of a number that a list holds


@dataclass(frozen=True, slots=True, eq=False)
class IjbcLists:
    """N pictures of T templates, and P pairs of templates. Pictures are sorted by template and medium.

    folder     where the pictures are
    names      N, relative to it
    landmarks  float32 (N, 5, 2), x and y in pixels of the picture
    scores     float64 (N,), the detector's
    templates  int32 (N,), the picture's template, as a number from 0
    media      int32 (N,), the picture's medium; a medium may have pictures in several templates
    pairs      int32 (P, 2), of templates
    same       bool (P,), which pairs are of one person
    """

    folder: Path
    names: tuple[str, ...]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float64]
    templates: NDArray[np.int32]
    media: NDArray[np.int32]
    pairs: NDArray[np.int32]
    same: NDArray[np.bool_]


def open_ijbc(root: Path) -> IjbcLists:
    """Read the lists in `root`/meta; the pictures are in `root`/loose_crop and are not looked at.

    Raises DataError that names file and line where a list is missing, empty, damaged, or contradicts another.
    """
    folder = root / PICTURES
    if not folder.is_dir():
        raise DataError("there is no such folder", path=folder, remedy="needed are IJB-C's pictures")
    names, ids, media = _read_pictures(root / _LISTS / "ijbc_face_tid_mid.txt")
    landmarks, scores = _read_landmarks(root / _LISTS / "ijbc_name_5pts_score.txt", names)
    known, templates = np.unique(np.array(ids), return_inverse=True)
    pairs, same = _read_pairs(root / _LISTS / "ijbc_template_pair_label.txt", known)
    order = np.lexsort((media, templates))
    return IjbcLists(
        folder=folder,
        names=tuple(names[row] for row in order),
        landmarks=landmarks[order],
        scores=scores[order],
        templates=templates[order].astype(np.int32),
        media=np.array(media, dtype=np.int32)[order],
        pairs=pairs,
        same=same,
    )


def _read_pictures(path: Path) -> tuple[list[str], list[int], list[int]]:
    names, templates, media = [], [], []
    for where, words in _lines(path):
        if len(words) != 3 or not (_is_number(words[1]) and _is_number(words[2])):
            raise DataError("must be a picture, its template's and its medium's number: 1.jpg 1 69544", path=where)
        name = PurePosixPath(words[0])
        if name.is_absolute() or ".." in name.parts:
            raise DataError(f"the picture {words[0][:80]} is not in {PICTURES}", path=where)
        names.append(words[0])
        templates.append(int(words[1]))
        media.append(int(words[2]))
    return names, templates, media


def _read_landmarks(path: Path, names: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    values = np.empty((len(names), 11))
    count = 0
    for count, (where, words) in enumerate(_lines(path), start=1):
        if count > len(names):
            raise DataError(f"is a picture too many; the list of templates has {len(names):,}", path=where)
        if words[0].rpartition("/")[2] != names[count - 1].rpartition("/")[2]:
            raise DataError(
                f"is of {words[0][:80]}; the list of templates has {names[count - 1][:80]} here", path=where
            )
        numbers = _floats(words[1:])
        if len(numbers) != 11:
            raise DataError("must be a picture, x and y of five points, and a score", path=where)
        values[count - 1] = numbers
        if not 0 < values[count - 1, 10] < _LARGEST:  # nor NaN
            raise DataError(f"the score {words[11][:80]} is not a number above 0, such as 0.9", path=where)
    if count < len(names):
        raise DataError(f"has {count:,} pictures; the list of templates has {len(names):,}", path=path)
    with np.errstate(over="ignore"):  # a point too far away becomes infinite; no face is aligned by it
        return values[:, :10].reshape(-1, 5, 2).astype(np.float32), values[:, 10]


def _read_pairs(path: Path, known: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Pairs of places in `known`, the sorted numbers of templates, int32 (P, 2), and which are genuine, bool (P,)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file
            warnings.simplefilter("error", DeprecationWarning)  # 7.0 is no whole number
            table = np.loadtxt(path, dtype=np.int32, ndmin=2, comments=None, encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError:
        _refuse_pairs(path, known)
    if table.shape[1:] != (3,) or not len(table):
        _refuse_pairs(path, known)
    places = np.searchsorted(known, table[:, :2]).astype(np.int32)
    places[places == len(known)] = 0
    labels = table[:, 2]
    if (known[places] != table[:, :2]).any() or ((labels != 0) & (labels != 1)).any():
        _refuse_pairs(path, known)
    return places, labels == 1


def _refuse_pairs(path: Path, known: NDArray[np.int64]) -> NoReturn:
    """Find the line for which a list of pairs was refused, the slow way."""
    templates = set(known.tolist())
    for where, words in _lines(path):
        if len(words) != 3 or not all(map(_is_number, words)) or words[2] not in ("0", "1"):
            raise DataError("must be the numbers of two templates, and 1 or 0: 1 11065 1", path=where)
        for word in words[:2]:
            if int(word) not in templates:
                raise DataError(f"the list of templates has no template {word}", path=where)
    raise DataError("is not a list of pairs of templates", path=path, remedy="get it again")


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The words of each line that has some, with what an error calls the line."""
    empty = True
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if words := line.split():
                    empty = False
                    yield f"{path}: line {number}", words
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError("is no text", path=path, remedy="get it again") from error
    if empty:
        raise DataError("is empty", path=path, remedy="get it again")


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"can't be read ({error.strerror or error})", path=path, remedy="needed is IJB-C's list of that name"
    )


def _floats(words: list[str]) -> list[float]:
    """Nothing where one is no number."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 12 and int(word) < _LARGEST
