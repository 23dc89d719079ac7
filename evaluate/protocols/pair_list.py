"""Pairs of photos from a CSV file, with who is on them where that is known.

first,second,same,person_first,person_second
ada/1.jpg,ada/2.jpg,1,Ada,Ada
ada/1.jpg,bo/1.jpg,0,Ada,Bo
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import DataError
from .bin_comparisons import linked_people
from .photo_pairs import PhotoPairs, from_paths, must_be_there, read_list

_SAME = {"1": True, "true": True, "0": False, "false": False}
_COLUMNS = ("first", "second", "same")
_PERSONS = ("person_first", "person_second")
_WANTED = f"a CSV file with the columns {','.join(_COLUMNS)} and, where people are known, {','.join(_PERSONS)}"


@dataclass(frozen=True, slots=True)
class _Pair:
    """where: the file and the line, for errors. persons: none where the file doesn't say who is on the photos."""

    where: str
    photos: tuple[Path, Path]
    same: bool
    persons: tuple[str, ...]


def open_list(file: Path, root: Path | None = None) -> PhotoPairs:
    """The pairs that a CSV file lists: its columns are first, second, same (1, 0, true or false) and, where people are
    known, person_first, person_second. Where they are not, those photos are of one person that genuine pairs link.

    root  the folder that paths are relative to, by default the file's own

    Raises DataError that names the line where a pair is damaged, listed twice, contradicts others, or names a photo
    that isn't there or lies outside of `root`.
    """
    pairs = list(_read(file, root or file.parent))
    if not pairs:
        raise DataError("holds no pair", path=file, remedy=f"needed is {_WANTED}")
    seen: dict[frozenset[Path], str] = {}
    for pair in pairs:
        for photo in pair.photos:
            must_be_there(photo, pair.where)
        first = seen.setdefault(frozenset(pair.photos), pair.where)
        if first is not pair.where:
            raise DataError(
                f"is the same pair as {first.removeprefix(f'{file}: ')}", path=pair.where, remedy="remove one"
            )
    named = bool(pairs[0].persons)
    persons = _named(pairs) if named else _linked(pairs)
    protocol = f"pairs of {file.name}, people as {'it names them' if named else 'its genuine pairs link photos'}"
    return from_paths(file.stem, protocol, [pair.photos for pair in pairs], [pair.same for pair in pairs], persons)


def _read(file: Path, root: Path) -> Iterator[_Pair]:
    reader = csv.reader(io.StringIO(read_list(file, _WANTED), newline=""), strict=True)
    try:
        columns = next(reader, [])
        if sorted(columns) not in (sorted(_COLUMNS), sorted(_COLUMNS + _PERSONS)):
            raise DataError(
                f"line 1: has the columns {','.join(columns)[:80]}", path=file, remedy=f"needed is {_WANTED}"
            )
        for cells in reader:
            if cells:
                yield _pair(f"{file}: line {reader.line_num}", root, columns, cells)
    except csv.Error as error:
        raise DataError(f"line {reader.line_num}: is no line of a CSV file ({error})", path=file) from None


def _pair(where: str, root: Path, columns: Sequence[str], cells: Sequence[str]) -> _Pair:
    if len(cells) != len(columns):
        raise DataError(f"has {len(cells)} values for {len(columns)} columns", path=where)
    values = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    if empty := [column for column, value in values.items() if not value]:
        raise DataError(f"{empty[0]} is empty", path=where)
    same = _SAME.get(values["same"].lower())
    if same is None:
        raise DataError(f"same is {values['same'][:80]}; must be 1, 0, true or false", path=where)
    for name in (values["first"], values["second"]):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"the photo {name[:80]} is not in {root}", path=where, remedy="list only what lies there")
    photos = root / values["first"], root / values["second"]
    if photos[0] == photos[1]:
        raise DataError("is a pair of a photo with itself", path=where)
    if _PERSONS[0] not in values:
        return _Pair(where, photos, same, ())
    persons = values[_PERSONS[0]], values[_PERSONS[1]]
    if (persons[0] == persons[1]) != same:
        raise DataError(
            f"same is {values['same']}, but the people are {persons[0][:80]} and {persons[1][:80]}", path=where
        )
    return _Pair(where, photos, same, persons)


def _named(pairs: Sequence[_Pair]) -> dict[Path, int]:
    """Who is on each photo, as the file says. Raises DataError where it says two things of one photo."""
    numbers: dict[str, int] = {}
    names: dict[Path, str] = {}
    for pair in pairs:
        for photo, name in zip(pair.photos, pair.persons, strict=True):
            numbers.setdefault(name, len(numbers))
            if names.setdefault(photo, name) != name:
                raise DataError(f"{photo} shows {name[:80]}, but {names[photo][:80]} in a line before", path=pair.where)
    return {photo: numbers[name] for photo, name in names.items()}


def _linked(pairs: Sequence[_Pair]) -> dict[Path, int]:
    """Who is on each photo: those that genuine pairs link. Raises DataError where an impostor pair is of one person."""
    rows = {photo: row for row, photo in enumerate(dict.fromkeys(photo for pair in pairs for photo in pair.photos))}
    numbers = np.array([[rows[photo] for photo in pair.photos] for pair in pairs])
    people = linked_people(numbers, np.array([pair.same for pair in pairs])).tolist()
    persons: dict[Path, int] = {}
    for pair, (first, second) in zip(pairs, people, strict=True):
        if first == second and not pair.same:
            raise DataError("same is 0, but other pairs make both photos those of one person", path=pair.where)
        persons |= zip(pair.photos, (first, second), strict=True)
    return persons
