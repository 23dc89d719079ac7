"""Training sets turned into another layout: the images' files stay what they are, byte by byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError, ImageError
from ..files import write_folder
from ..processes.read_ahead import read_ahead
from ..train.loading.batches import UNREADABLE_SHARE
from .encoded import suffix_of
from .image_sets import ImageSet
from .list_writer import fill_with_images
from .record_writer import write_record_set


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came of a conversion. images: how many were written; left_out: why each of the others was not."""

    images: int
    left_out: list[str]


def convert_to_records(source: ImageSet, target: Path, seen: Callable[[], object]) -> Conversion:
    """Write `source` as `target`/train.rec with its index and `property`, as MXNet does.

    Images are in the order of their people and, of each, as before. `seen` is called for each image. What is no image
    file, or one that was cut off, is left out; no picture is decoded for that. Raises DataError where that is more
    than 1 % of the set, StorageError where the disk refuses or `target` exists; then nothing is left behind.
    """
    files = _Files(source, seen)
    images = ((file.label, file.data) for file in files)
    write_record_set(target, images, num_classes=source.num_classes, size=source.size)
    return files.conversion()


def convert_to_images(source: ImageSet, target: Path, seen: Callable[[], object]) -> Conversion:
    """Write `source` as image files, `target`/CLASS/NUMBER.jpg (or .png, ...), with `imgs.txt` and `property`.

    NUMBER is an image's place in the source, from 1. Otherwise as `convert_to_records`.
    """
    files = _Files(source, seen)
    images = ((f"{file.label:06}/{file.index + 1:08}{file.suffix}", file.label, file.data) for file in files)
    write_folder(
        target, lambda folder: fill_with_images(folder, images, num_classes=source.num_classes, size=source.size)
    )
    return files.conversion()


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
        self._left_out = list(source.unreadable.values())
        self._written = 0

    def __iter__(self) -> Iterator[_File]:
        labels = self._source.labels
        order = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]  # -1: known to be unreadable
        self._refuse()
        for file in read_ahead(self._read, map(int, order)):
            self._seen()
            if isinstance(file, ImageError):
                self._left_out.append(str(file))
                self._refuse()
            else:
                self._written += 1
                yield file

    def conversion(self) -> Conversion:
        return Conversion(self._written, self._left_out)

    def _read(self, index: int) -> _File | ImageError:
        try:
            data = self._source.encoded(index)
            return _File(index, int(self._source.labels[index]), suffix_of(self._source.where(index), data), data)
        except ImageError as error:
            return error

    def _refuse(self) -> None:
        bad, whole = len(self._left_out), len(self._source)
        if bad > UNREADABLE_SHARE * whole:
            raise DataError(
                f"{bad} of {whole} images can't be used, more than {UNREADABLE_SHARE:.0%}",
                path=self._source.root,
                remedy=(
                    "get the set again or mend it (sface data check lists them). The first: "
                    f"{'; '.join(self._left_out[:3])}"
                ),
            )
