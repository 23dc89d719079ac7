"""Verification sets as InsightFace's data zoo has them: `lfw.bin`, `cfp_fp.bin`, `agedb_30.bin`, ...

Such a file is a pickle of two lists: the encoded images, two for each pair, and for each pair whether both show the
same person. It is read without being unpickled (bin_pickle.py).
"""

import mmap
import os
import stat
import weakref
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...datasets.encoded import decode
from ...errors import DataError, ImageError, UsageError
from ..figures.metrics import FOLDS
from .bin_pickle import Span, read_pickle
from .usual_sets import TARGETS


class BinSet:
    """The pairs of a verification set. Images stay in the file and are decoded when they are asked for.

    path: the file; name: the file's without ".bin".
    same: which pairs are genuine, bool (P,).
    size: height and width of every image in pixels, those of the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            weakref.finalize(self, os.close, self._descriptor)
            spans, same = self._read_lists()
        except OSError as error:
            raise DataError(f"can't be read ({error.strerror})", path=path) from error
        if len(spans) != 2 * len(same):
            raise DataError(
                f"holds {len(spans)} images for {len(same)} pairs, not two a pair", path=path, remedy="get it again"
            )
        if len(same) < FOLDS:
            raise DataError(f"holds {len(same)} pairs; the protocol splits a set into {FOLDS} parts", path=path)
        self.same: NDArray[np.bool_] = np.array(same, dtype=bool)
        self._spans = np.array([span[:2] for span in spans], dtype=np.int64)  # (2P, 2) offset, length
        self._as_text = np.array([span.text for span in spans], dtype=bool)
        height, width, _ = self._image(0).shape
        if height != width:
            raise DataError(f"image 0 has {height}x{width} pixels; crops must be square", path=path)
        self.size: int = height

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.same)

    def images(self, first_pair: int, last_pair: int) -> NDArray[np.uint8]:
        """Images of the n pairs `first_pair` .. `last_pair` - 1, uint8 (2n, size, size, 3) RGB, a pair's two in a row.

        Raises ImageError that names the file and the number of an image that can't be decoded or has another size.
        """
        if not 0 <= first_pair <= last_pair <= len(self):
            raise IndexError(f"pairs {first_pair} to {last_pair} of {len(self)}")
        images = np.empty((2 * (last_pair - first_pair), self.size, self.size, 3), dtype=np.uint8)
        for row, number in enumerate(range(2 * first_pair, 2 * last_pair)):
            image = self._image(number)
            if image.shape != images.shape[1:]:
                height, width, _ = image.shape
                raise ImageError(
                    f"image {number} has {height}x{width} pixels, but the first {self.size}x{self.size}", path=self.path
                )
            images[row] = image
        return images

    def _read_lists(self) -> tuple[list[Span], list[bool]]:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            kind = "is empty" if stat.S_ISREG(status.st_mode) else "is not a file"
            raise DataError(kind, path=self.path, remedy="needed is a verification set such as lfw.bin")
        with mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as data:
            try:
                return read_pickle(data)
            except ValueError as error:
                reason = " ".join(str(error).split())
                raise DataError(f"not a verification set, or a damaged one ({reason})", path=self.path) from error

    def _image(self, number: int) -> NDArray[np.uint8]:
        where = f"{self.path}: image {number}"
        offset, length = self._spans[number].tolist()
        try:
            data = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise ImageError(f"the disk can't read it ({error.strerror})", path=where) from error
        if len(data) != length:
            raise ImageError("the file has become shorter", path=where)
        if self._as_text[number]:
            try:
                data = data.decode("utf-8").encode("latin-1")
            except ValueError as error:
                raise ImageError("its bytes are damaged", path=where) from error
        return decode(where, data)


def open_bin(path: Path) -> BinSet:
    """Open a verification set; nothing in the file is run, and images are decoded later.

    Raises DataError where it is missing, damaged, no such set, or has fewer than ten pairs; ImageError where its first
    image can't be decoded.
    """
    return BinSet(path)


def open_sets(root: Path, target: Sequence[str] | None, size: int) -> list[BinSet]:
    """Open NAME.bin in `root` for each name of `target`; where that is None, those of TARGETS that are there.

    size  of the network's crops in pixels

    Raises DataError and ImageError as `open_bin`, DataError where a set has crops of another size, UsageError where two
    have one name.
    """
    names = [name for name in TARGETS if (root / f"{name}.bin").exists()] if target is None else target
    for stem, count in Counter(Path(f"{name}.bin").stem for name in names).items():
        if count > 1:
            raise UsageError(
                f"target {','.join(names)}: names {count} sets {stem}",
                remedy="measure one of them at a time",
                argument="target",
            )
    sets = []
    for name in names:
        opened = open_bin(root / f"{name}.bin")
        if opened.size != size:
            raise DataError(
                f"crops of {opened.size} pixels for a network of {size}",
                path=opened.path,
                remedy="leave it out of target",
                argument="target",
            )
        sets.append(opened)
    return sets


def pair_ranges(first: int, last: int, batch: int) -> list[range]:
    """The pairs `first` .. `last` - 1 in parts of `batch` images, the last of fewer. Raises ValueError for an odd
    `batch`."""
    if batch < 2 or batch % 2:
        raise ValueError(f"a batch of {batch} images: must be even, as pairs are not split")
    step = batch // 2
    return [range(start, min(start + step, last)) for start in range(first, last, step)]
