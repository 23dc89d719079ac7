"""Writing training sets as RecordIO, byte by byte as MXNet 1.9.1 does it and in the layout of InsightFace's data zoo.

The format of the files is described in `records.py`. Record 0 holds the numbers of the first and one past the last of
the people's records; records 1, 2, ... the images, with the labels [class, 0], all of a person in one run; then one
record a person holds the numbers of that person's first image and one past the last.
"""

import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TextIO

from ..errors import DataError
from ..files import write_folder
from .records import FIRST, HEADER, LAST, MAGIC, MAGIC_BYTES, MIDDLE, PART, WHOLE
from .set_files import INDEX, PROPERTY, RECORDS

_MOST_RECORDS = 1 << 24  # their numbers are written as float32
_TOO_LONG = 1 << 29  # bytes of a record


def fill_with_records(
    temporary: Path, images: Iterable[tuple[int, bytes]], *, num_classes: int, size: int, folder: Path
) -> None:
    """Write the files of `write_record_set` into a folder that will be called `folder`, for messages."""
    with (temporary / RECORDS).open("wb") as records, (temporary / INDEX).open("w", newline="\n") as index:
        _RecordWriter(folder / RECORDS, records, index).write(images, num_classes)
    (temporary / PROPERTY).write_text(f"{num_classes},{size},{size}")


def write_record_set(folder: Path, images: Iterable[tuple[int, bytes]], *, num_classes: int, size: int) -> None:
    """Make `folder`, which must not exist, with train.rec, train.idx and property in it, at once.

    images: class and image file of each, in the order of the classes, which are 0 .. num_classes - 1; they are
    written as they come, so that none is kept in memory. size: side of the crops in pixels.

    A class may have no image. Raises StorageError where the disk refuses or `folder` exists, DataError where the
    format can't hold the set, and what `images` raises; then no folder is left behind.
    """
    write_folder(
        folder,
        lambda temporary: fill_with_records(temporary, images, num_classes=num_classes, size=size, folder=folder),
    )


class _RecordWriter:
    """Writes one pair of files from beginning to end."""

    def __init__(self, path: Path, records: BinaryIO, index: TextIO) -> None:
        self._path = path  # for messages
        self._records = records
        self._index = index
        self._count = 0

    def write(self, images: Iterable[tuple[int, bytes]], num_classes: int) -> None:
        self._add((0, 0))  # they are not known yet
        starts: list[int] = []  # number of the first image of each person so far
        for label, image in images:
            if not max(0, len(starts) - 1) <= label < num_classes:
                raise ValueError(f"class {label} of {num_classes} after an image of class {len(starts) - 1}")
            starts += [self._count] * (label + 1 - len(starts))
            self._add((label, 0), image)
        starts += [self._count] * (num_classes + 1 - len(starts))
        for first, end in pairwise(starts):
            self._add((first, end))
        self._records.seek(0)
        self._records.write(_framed(_content(0, (starts[-1], self._count))))

    def _add(self, labels: tuple[int, int], image: bytes = b"") -> None:
        if self._count == _MOST_RECORDS:
            raise DataError(
                f"more than {_MOST_RECORDS:,} images and people, which it can't number",
                path=self._path,
                remedy="take fewer",
            )
        content = _content(self._count, labels, image)
        if len(content) >= _TOO_LONG:
            raise DataError(
                f"an image of {len(image):,} bytes is too large for a record", path=self._path, remedy="leave it out"
            )
        self._index.write(f"{self._count}\t{self._records.tell()}\n")
        self._records.write(_framed(content))
        self._count += 1


def _content(number: int, labels: tuple[int, int], image: bytes = b"") -> bytes:
    return HEADER.pack(len(labels), 0, number, 0) + struct.pack("<2f", *labels) + image


def _framed(content: bytes) -> bytes:
    """The record with this content: in parts, where the magic word stands in it at a multiple of four bytes."""
    pieces, begin = [], 0
    place = content.find(MAGIC_BYTES)
    while place >= 0:
        if place % 4 == 0:
            pieces.append(content[begin:place])
            begin = place + len(MAGIC_BYTES)
        place = content.find(MAGIC_BYTES, place + 1)
    pieces.append(content[begin:])
    kinds = [WHOLE] if len(pieces) == 1 else [FIRST, *[MIDDLE] * (len(pieces) - 2), LAST]
    framed = b"".join(
        PART.pack(MAGIC, kind << 29 | len(piece)) + piece for kind, piece in zip(kinds, pieces, strict=True)
    )
    return framed + bytes(-len(framed) % 4)
