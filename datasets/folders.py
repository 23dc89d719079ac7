"""Folders of pictures: one folder per person, or all pictures in a folder and below."""

import os
from collections.abc import Iterator

from ..errors import DataError
from .picture_files import PICTURE_SUFFIXES
from .set_files import LIST, PROPERTY, RECORDS


def people_in(
    root: str | os.PathLike[str], endings: tuple[str, ...] = PICTURE_SUFFIXES, *, strict: bool = True
) -> dict[str, list[str]]:
    """Names of the pictures in each person's folder, folders and pictures sorted by name; only people who have some.

    endings  those of pictures' names, in small letters; ("",): any file
    strict   refuse a person's folder that holds a folder or is a set itself, as its pictures would be missed in a
             training set; else such things are left out

    Hidden files and folders, and files beside the people's folders, are left out. Raises DataError where a folder can't
    be read, or is refused.
    """
    people = {}
    for folder in _visible(root):
        if not folder.is_dir():
            continue
        inside = _visible(folder)
        if strict:
            _refuse_sets(root, folder, inside)
        else:
            inside = [entry for entry in inside if entry.is_file()]
        if pictures := [entry.name for entry in inside if is_picture(entry.name, endings)]:
            people[folder.name] = pictures
    return people


def _refuse_sets(root: str | os.PathLike[str], folder: os.DirEntry[str], inside: list[os.DirEntry[str]]) -> None:
    """Raises DataError where a person's folder is a set itself, or holds a folder."""
    names = {entry.name for entry in inside}
    if names & {PROPERTY, LIST, RECORDS}:
        raise DataError("holds a set in a folder of its own", path=root, remedy=f"did you mean {folder.path}?")
    inner = next((entry for entry in inside if entry.is_dir()), None)
    if inner is not None:
        raise DataError(
            "a folder in a person's folder; a set has one folder per person with all pictures in it, so mend "
            f"that, or did you mean {folder.path}?",
            path=inner.path,
        )


def pictures_in(root: str | os.PathLike[str]) -> list[str]:
    """Names of the pictures that lie in a folder itself, sorted. Raises DataError where it can't be read."""
    return [entry.name for entry in _visible(root) if is_picture(entry.name)]


def pictures_below(root: str) -> Iterator[str]:
    """Paths of the pictures in a folder and its folders, in no order; hidden ones are left out, and so are links to
    folders, which may lead in circles. Raises DataError where a folder can't be read."""

    def refuse(error: OSError) -> None:
        raise DataError(f"can't be read ({error.strerror})", path=error.filename) from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != "."]
        for name in names:
            if name[0] != "." and is_picture(name):
                yield os.path.join(folder, name)  # noqa: PTH118 (speed)


def is_picture(name: str, endings: tuple[str, ...] = PICTURE_SUFFIXES) -> bool:
    """Whether a file is a picture by its name."""
    return name.lower().endswith(endings)


def _visible(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, sorted by name."""
    try:
        # Not Path.iterdir: this knows folders from files without asking the disk about each of millions.
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror})", path=os.fspath(folder)) from error
