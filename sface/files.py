"""Writing files so that nobody ever sees half of one; sha256; the folder where files are kept."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from .errors import StorageError, UsageError

ONE_BY_ONE = 1000  # files

T = TypeVar("T")


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn an operating-system error into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"could not be written ({error.strerror or error}); nothing was changed", path=path
        ) from error


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_all(paths: list[Path]) -> None:
    """Files one by one take milliseconds each, hours for a large training set: many are synced with all else."""
    if len(paths) > ONE_BY_ONE and hasattr(os, "sync"):
        os.sync()  # Linux waits until it is done
    else:
        for path in paths:
            _fsync(path)


def write_atomically(path: Path, write: Callable[[Path], T]) -> T:
    """Call `write` with a temporary path beside `path`, sync what it wrote to disk, then put it in place at once.

    `write` creates the file at the path that it is given; the suffix is that of `path`, for writers that go by it. What
    `write` gives is given back.
    Raises StorageError if the disk refuses; then `path` is what it was before.
    """
    with storing(path), _temporary_folder(path) as folder:
        temporary = folder / path.name
        result = write(temporary)
        _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
        return result


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically. Raises StorageError."""
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically. Raises StorageError."""
    write_bytes(path, text.encode())


def must_be_free(folder: Path) -> None:
    """Raises UsageError where there is something already, an empty folder aside."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UsageError("is there already and not an empty folder", path=folder, remedy="name a new one")


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` fill a temporary folder beside `path`, sync it, then rename it to `path`, which must not exist.

    Raises StorageError if the disk refuses or `path` exists; then no folder is left behind.
    """
    with storing(path):
        if path.exists():
            raise FileExistsError(None, "it exists already")
        with _temporary_folder(path) as folder:
            fill(folder)
            folder.chmod(0o755)
            _fsync_all([*folder.rglob("*"), folder])
            folder.replace(path)
            _fsync(path.parent)


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, whose parent is made; removed at the end, if it is still there."""
    import shutil  # late, as both take a while and many commands write nothing
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_half_written(path: Path) -> None:
    """Remove what a process that was killed has left of writing `path`. Raises OSError."""
    import shutil

    for folder in path.parent.glob(f".{path.name}.*"):
        if folder.is_dir() and not folder.is_symlink():  # a file is an editor's, or rsync's
            shutil.rmtree(folder)


@contextmanager
def alone_in(folder: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Wait until no other process that asks for it is in `folder`; `waiting` is called first where one is.

    Without effect on systems and file systems that have no such lock, and where there is no such folder.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)  # and the lock is gone, as it is when the process is killed


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def home() -> Path:
    """Folder of what sface keeps on this machine: `$SFACE_HOME`, else the platform's cache folder for sface."""
    if named := os.environ.get("SFACE_HOME"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("sface", appauthor=False)
