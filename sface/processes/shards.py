"""A folder's photos worked through in shards, each kept as a file once it is done: an interrupted run goes on there.

The files lie in a hidden folder beside the output, `.NAME-shards`. The name of each is a sha256 of the settings and of
its photos: path, size, time of the last change. What has changed is done again.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import __version__, files
from ..errors import DataError, StorageError
from ..output import Output
from ..progress import progress
from .parallel import in_processes

PHOTOS = 16  # of a shard: an interruption costs no more for each process, nor does one wait longer for the last

Arrays = dict[str, NDArray[Any]]
Tools = TypeVar("Tools")
Result = TypeVar("Result")


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays as `numpy.savez` does, at once, for the eyes of the file's owner alone. Raises StorageError.

    Not by numpy.savez itself: where the disk is full, it leaves an open archive behind that complains once more.
    """

    def write(temporary: Path) -> None:
        temporary.touch(0o600)
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[no-untyped-call]

    files.write_atomically(path, write)


@dataclass(frozen=True, slots=True)
class Shard:
    """Some photos: paths relative to `root`, and the file for what comes of them."""

    root: Path
    photos: tuple[str, ...]
    file: Path

    def store(self, arrays: Arrays) -> None:
        """Keep what came of the photos. Raises StorageError."""
        write_arrays(self.file, arrays)

    def load(self, *names: str) -> Arrays:
        """The arrays of these names. Raises DataError where the file is gone, StorageError where it is damaged."""
        try:
            with np.load(self.file) as arrays:
                return {name: arrays[name] for name in names}
        except FileNotFoundError:
            raise DataError(
                f"photos have changed meanwhile, such as {self.photos[0]}",
                path=self.root,
                remedy="run the command again",
            ) from None
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StorageError(
                f"is damaged ({error})", path=self.file, remedy="remove it and run the command again"
            ) from error


class Shards:
    """The shards of a run whose output is `output`.

    photos: paths relative to `root`. settings: all that decides what comes of a photo; JSON can hold it.
    """

    def __init__(self, output: Path, root: Path, photos: Sequence[str], settings: Mapping[str, object]) -> None:
        self.folder = output.parent / f".{output.name}-shards"
        self.photos = photos
        key = json.dumps([__version__, settings], sort_keys=True)
        self.all = [
            _shard(self.folder, key, root, tuple(photos[first : first + PHOTOS]))
            for first in range(0, len(photos), PHOTOS)
        ]

    def do(
        self,
        start: Callable[[], Tools],
        work: Callable[[Tools, Shard], Result],
        output: Output,
        *,
        finish: Callable[[Shard, Result], object] = lambda shard, result: None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Do those of every `ranks`-th shard, from number `rank` on, that are not done yet, in processes.

        start, work: see `in_processes`. finish: called here with what `work` gives. One of both stores the shard.
        """
        mine = self.all[rank::ranks]
        todo = [shard for shard in mine if not shard.file.is_file()]
        total = sum(len(shard.photos) for shard in mine)
        done = total - sum(len(shard.photos) for shard in todo)
        if done:
            output.note(f"{done:,} of {total:,} photos were done before")
        with files.storing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # personal data
        try:
            with progress(total, "photos", output, done) as advance, in_processes(start, work, todo) as results:
                for shard, result in zip(todo, results, strict=True):
                    finish(shard, result)
                    advance(len(shard.photos))
        except KeyboardInterrupt:
            output.note("the same command goes on from here")
            raise

    def load(self, *names: str) -> Iterator[tuple[Shard, Arrays]]:
        """Each shard with its arrays of these names, one after the other."""
        for shard in self.all:
            yield shard, shard.load(*names)

    def remove(self) -> None:
        """Remove the folder with all files of this run and of earlier ones."""
        with files.storing(self.folder):
            shutil.rmtree(self.folder)


def _shard(folder: Path, key: str, root: Path, photos: tuple[str, ...]) -> Shard:
    digest = hashlib.sha256(key.encode())
    for photo in photos:
        state = (root / photo).stat()
        digest.update(f"\0{photo}\0{state.st_size}\0{state.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return Shard(root, photos, folder / f"{digest.hexdigest()[:40]}.npz")
