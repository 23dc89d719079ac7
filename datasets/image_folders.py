"""Image sets made of folders: a folder per person, or a folder of crops without labels."""

import os
from pathlib import Path

import numpy as np

from ..errors import DataError, ImageError
from .encoded import decode
from .folders import people_in, pictures_below, pictures_in
from .image_sets import ImageSet
from .picture_files import PICTURE_SUFFIXES
from .set_files import LIST, PROPERTY, RECORDS, read_picture, read_property

FOLDERS = "folders"
CROPS = "crops"


class PersonFolders(ImageSet):
    """A set with a folder per person; the people are numbered in the order of their folders' names.

    A folder without a picture is no person. Hidden files and folders, files that are no pictures by their names, and
    files beside the people's folders are left out.
    """

    kind = FOLDERS

    def __init__(self, root: Path) -> None:
        people = people_in(root)
        if not people:
            raise DataError(
                f"holds neither {LIST} nor {RECORDS} nor a folder per person", path=root, remedy=_what_to_do(root)
            )
        self._folder = os.path.abspath(root)  # noqa: PTH100 (as in image_list.py)
        self._people = list(people)
        self._names = [name for names in people.values() for name in names]
        super().__init__(root, len(people), 0)
        self.labels = np.repeat(np.arange(len(people), dtype=np.int32), [len(names) for names in people.values()])
        where, self.size = _first_size(self)
        if not (root / PROPERTY).is_file():
            self._size_is_said_by = "the set's first has"
        elif (said := read_property(root)) != (self.num_classes, self.size):
            raise DataError(
                f"says {said[0]} classes of {said[1]}x{said[1]} pixels, but {self.num_classes} folders hold "
                f"pictures, and {where} has {self.size}x{self.size}",
                path=root / PROPERTY,
                remedy=f"correct {PROPERTY} or take it away",
            )

    def where(self, index: int) -> str:
        return os.path.join(self._folder, self._people[self.labels[index]], self._names[index])  # noqa: PTH118 (speed)

    def encoded(self, index: int) -> bytes:
        return read_picture(self.where(index))


class CropFolder(ImageSet):
    """All pictures in a folder and its folders, in the order of their paths; hidden ones are left out."""

    kind = CROPS
    _size_is_said_by = "the set's first has"

    def __init__(self, root: Path) -> None:
        super().__init__(root, 0, 0)
        self._folder = os.path.abspath(root)  # noqa: PTH100 (as in image_list.py)
        self._paths = sorted(pictures_below(self._folder))
        if not self._paths:
            raise DataError(
                f"holds no picture ({', '.join(PICTURE_SUFFIXES)})", path=root, remedy="name a folder of face crops"
            )
        self.labels = np.full(len(self._paths), -1, dtype=np.int32)
        _, self.size = _first_size(self)

    def where(self, index: int) -> str:
        return self._paths[index]

    def encoded(self, index: int) -> bytes:
        return read_picture(self._paths[index])


def _first_size(image_set: ImageSet) -> tuple[str, int]:
    """The first crop that can be read, and its side in pixels."""
    for index in range(len(image_set)):
        where = image_set.where(index)
        try:
            height, width = decode(where, image_set.encoded(index)).shape[:2]
        except ImageError:
            continue
        if height != width:
            raise DataError(f"{height}x{width} pixels; crops are square: cut the faces out first", path=where)
        return where, height
    raise DataError(
        f"none of its {len(image_set)} pictures can be read", path=image_set.root, remedy="get the set again"
    )


def _what_to_do(root: Path) -> str:
    """Where nothing was found in a folder."""
    if pictures_in(root):
        return "put each person's pictures into a folder"
    return "name the folder that holds the set itself"
