"""RecordIO as MXNet writes it and InsightFace's data zoo lays it out: `train.rec` with its index `train.idx`.

A record is one part, or several where its content holds the magic word at a multiple of four bytes:

    part    = magic u32, kind << 29 | length u32, `length` bytes; after a record's last part zeros up to a multiple of 4
    content = parts joined by the magic word that was taken out between them
            = flag u32, label f32, id u64, id2 u64, `flag` labels f32, encoded image

all little-endian. With flag = 0 the record's label is `label`, else the first of the labels that follow. The index has
one line per record: its number and the byte at which it starts. Record 0 may hold no image but two labels: the numbers
of the first and one past the last of the records that describe people; then the images are the records between it and
the first of those.
"""

import os
import struct
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ImageError

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
PART = struct.Struct("<II")  # magic, kind and length
HEADER = struct.Struct("<IfQQ")  # flag, label, id, id2
_LABEL = struct.Struct("<f")
WHOLE, FIRST, MIDDLE, LAST = range(4)  # kinds of part


class RecordFile:
    """The image records of a RecordIO file, by position 0, 1, ..., len - 1.

    Nothing is unpacked or kept in memory but the index (16 bytes a record). Reading is by absolute position in the
    file, so threads and forked processes may share one object.
    """

    def __init__(self, records: Path, index: Path) -> None:
        """Open the file `records` with its `index`. Raises DataError where one of them can't be used as a whole."""
        self.path = records
        self._open()
        self._numbers, self._offsets = _read_index(index)
        self._leave_images_only(index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_descriptor"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Another process opens the file for itself; it doesn't read the index again."""
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return len(self._numbers)

    def where(self, position: int) -> str:
        """File and number of a record, for messages."""
        return f"{self.path}: record {self._numbers[position]}"

    def label(self, position: int) -> float:
        """Label of a record; reads its first bytes only. Raises ImageError where the record is damaged."""
        kind, start, length = self._part(position, int(self._offsets[position]))
        if kind == WHOLE:
            beginning = self._read(position, start, min(length, HEADER.size + _LABEL.size))
        else:
            beginning = self._content(position)
            length = len(beginning)
        return self._parse(position, beginning, length)[0]

    def read(self, position: int) -> tuple[float, bytes]:
        """Label and encoded image of a record. Raises ImageError where the record is damaged."""
        content = self._content(position)
        label, start = self._parse(position, content, len(content))
        return label, content[start:]

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._descriptor)
            self._bytes = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise DataError(f"can't be opened ({error.strerror})", path=self.path) from error

    def _leave_images_only(self, index: Path) -> None:
        """Drop record 0 and the people's records from the list of records, where record 0 says which they are."""
        first = np.flatnonzero(self._numbers == 0)
        if not len(first):
            return
        try:
            content = self._content(int(first[-1]))
            people, image = self._parse(int(first[-1]), content, len(content))
        except ImageError as error:
            raise DataError(
                error.reason,
                path=error.path,
                remedy="this is no RecordIO file with its index, get both files again",
            ) from error
        if image < len(content):
            return
        if not 2 <= people <= self._numbers.max() + 1:
            raise DataError(
                f"record 0 says that the images end before record {people:.0f}, but {index.name} ends with record "
                f"{self._numbers.max()}",
                path=self.path,
                remedy="get both files again",
            )
        numbers = np.arange(1, int(people), dtype=np.int64)
        offsets = np.full(len(numbers), -1, dtype=np.int64)  # -1: a record that the index lacks
        listed = (self._numbers >= 1) & (self._numbers <= len(numbers))
        offsets[self._numbers[listed] - 1] = self._offsets[listed]
        self._numbers, self._offsets = numbers, offsets

    def _content(self, position: int) -> bytes:
        kind, start, length = self._part(position, int(self._offsets[position]))
        if kind not in (WHOLE, FIRST):
            raise self._damaged(position, "it starts in the middle of a record")
        parts = [self._read(position, start, length)]
        while kind not in (WHOLE, LAST):
            kind, start, length = self._part(position, start + length)
            if kind not in (MIDDLE, LAST):
                raise self._damaged(position, "its last part is missing")
            parts.append(self._read(position, start, length))
        return MAGIC_BYTES.join(parts)

    def _part(self, position: int, offset: int) -> tuple[int, int, int]:
        """Kind, start and length of the content of the part at `offset`."""
        if not 0 <= offset <= self._bytes - PART.size:
            raise self._damaged(position, "the index gives no place in the file" if offset < 0 else "the file ends")
        magic, kind_and_length = PART.unpack(self._read(position, offset, PART.size))
        if magic != MAGIC:
            raise self._damaged(position, f"no record starts at byte {offset}")
        kind, length = kind_and_length >> 29, kind_and_length & ((1 << 29) - 1)
        start = offset + PART.size
        if start + length > self._bytes:
            raise self._damaged(position, "it goes beyond the end of the file")
        return kind, start, length

    def _parse(self, position: int, beginning: bytes, length: int) -> tuple[float, int]:
        """Label, and at which byte of the content the image starts."""
        if length < HEADER.size:
            raise self._damaged(position, "it is too short for its header")
        flag, label, _, _ = HEADER.unpack_from(beginning)
        image = HEADER.size + _LABEL.size * flag
        if image > length:
            raise self._damaged(position, "it is too short for its labels")
        if flag:
            (label,) = _LABEL.unpack_from(beginning, HEADER.size)
        return label, image

    def _read(self, position: int, start: int, length: int) -> bytes:
        try:
            data = os.pread(self._descriptor, length, start)
        except OSError as error:
            raise self._damaged(position, f"the disk can't read it: {error.strerror}") from error
        if len(data) != length:
            raise self._damaged(position, "the file has become shorter")
        return data

    def _damaged(self, position: int, reason: str) -> ImageError:
        return ImageError(f"record {self._numbers[position]} is damaged ({reason})", path=self.path)


def _read_index(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Numbers and offsets of all records, each (N,)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "no data": said below
            table = np.loadtxt(path, dtype=np.int64, comments=None, ndmin=2, encoding="ascii")
    except OSError as error:
        raise DataError(
            f"can't be opened ({error.strerror}); a train.rec can't be read without it", path=path
        ) from error
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"not an index of records ({' '.join(str(error).split())})", path=path, remedy="get it again"
        ) from error
    if table.shape[1] != 2 or not len(table):
        raise DataError("not an index of records (each line: number, tab, offset)", path=path, remedy="get it again")
    return table[:, 0].copy(), table[:, 1].copy()
