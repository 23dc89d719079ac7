"""Training sets turned into another layout: the images' files stay what they are, byte by byte."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import DataError, ImageError, UsageError
from ..files import write_folder
from ..output import Output
from ..processes.read_ahead import read_ahead
from ..progress import progress
from .encoded import suffix_of
from .image_list import fill_with_images
from .image_sets import UNREADABLE_SHARE, ImageSet, open_image_set
from .record_writer import write_record_set
from .set_files import RECORDS

Layout = Literal["records", "images"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came of a conversion.

    path      the new set's folder
    layout    "records" or "images"
    people    number of classes
    images    how many were written
    left_out  why each of the others was not
    seconds   that it took
    """

    path: Path
    layout: Layout
    people: int
    images: int
    left_out: list[str]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return {
            "path": str(self.path),
            "layout": self.layout,
            "people": self.people,
            "images": self.images,
            "left_out": self.left_out,
            "seconds": round(self.seconds, 1),
        }


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    to: Layout | None = None,
    *,
    output: Output | None = None,
) -> Conversion:
    """Write a training set anew in another layout; its images' files stay what they are, byte by byte.

    source  folder with `train.rec`, with `imgs.txt`, or with a folder per person
    target  folder to make, which must not exist; it appears as a whole or not at all
    to      "records": `train.rec` as MXNet reads it; "images": image files and `imgs.txt`; None: "images" where
            `source` holds `train.rec`, else "records"
    output  where progress is shown; None: nowhere

    Images are in the order of their people and, of each, as before. What is no image file, or one that was cut off, is
    left out; no picture is decoded for that.

    Raises UsageError where `target` exists or lies in `source`, DataError where `source` can't be used or more than
    1 % of it is unreadable, StorageError where the disk refuses.
    """
    source, target = Path(source), Path(target)
    if to not in (None, "records", "images"):
        raise UsageError(f"to {to!r}: must be 'records' or 'images'", argument="to")
    if target.exists() or target.is_symlink():
        raise UsageError("is there already", path=target, remedy="name a new folder")
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"lies in {source} itself", path=target, remedy="name a folder elsewhere")
    images, start = open_image_set(source), time.perf_counter()
    layout: Layout = to or ("images" if images.kind == RECORDS else "records")
    with progress(len(images), "images", output or Output(quiet=True)) as advance:
        files = _Files(images, advance)
        if layout == "records":
            _write_records(files, images, target)
        else:
            _write_images(files, images, target)
    return Conversion(target, layout, images.num_classes, files.written, files.left_out, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class _File:
    """An image of the source as it is stored."""

    index: int
    label: int
    suffix: str
    data: bytes


class _Files:
    """The images of a set in the order of their people, read ahead, and what was found unreadable among them."""

    def __init__(self, source: ImageSet, seen: Callable[[], object]) -> None:
        self._source = source
        self._seen = seen
        self.left_out = list(source.unreadable.values())
        self.written = 0

    def __iter__(self) -> Iterator[_File]:
        labels = self._source.labels
        order = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]  # -1: known to be unreadable
        self._refuse()
        for file in read_ahead(self._read, map(int, order)):
            self._seen()
            if isinstance(file, ImageError):
                self.left_out.append(str(file))
                self._refuse()
            else:
                self.written += 1
                yield file

    def _read(self, index: int) -> _File | ImageError:
        try:
            data = self._source.encoded(index)
            return _File(index, int(self._source.labels[index]), suffix_of(self._source.where(index), data), data)
        except ImageError as error:
            return error

    def _refuse(self) -> None:
        bad, whole = len(self.left_out), len(self._source)
        if bad > UNREADABLE_SHARE * whole:
            raise DataError(
                f"{bad} of {whole} images can't be used, more than {UNREADABLE_SHARE:.0%}",
                path=self._source.root,
                remedy=(
                    "get the set again or mend it (sface data check lists them). The first: "
                    f"{'; '.join(self.left_out[:3])}"
                ),
            )


def _write_records(files: _Files, source: ImageSet, target: Path) -> None:
    """`target`/train.rec with its index and `property`, as MXNet does."""
    images = ((file.label, file.data) for file in files)
    write_record_set(target, images, num_classes=source.num_classes, size=source.size)


def _write_images(files: _Files, source: ImageSet, target: Path) -> None:
    """`target`/CLASS/NUMBER.jpg (or .png, ...) with `imgs.txt` and `property`; NUMBER is an image's place in the
    source, from 1."""
    images = ((f"{file.label:06}/{file.index + 1:08}{file.suffix}", file.label, file.data) for file in files)
    write_folder(
        target, lambda folder: fill_with_images(folder, images, num_classes=source.num_classes, size=source.size)
    )
