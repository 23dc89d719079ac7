"""Atomic writing."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sface.errors import StorageError
from sface.files import home, sha256, write_atomically, write_bytes, write_folder, write_text


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As on a full disk, every file that grows beyond `size` bytes fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old")
    write_text(path, "grün")
    assert path.read_text(encoding="utf-8") == "grün"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with largest_file(1000), pytest.raises(StorageError, match=r"a\.bin: could not be written .*nothing was changed"):
        write_bytes(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        write_atomically(tmp_path / "a.bin", write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        write_bytes(tmp_path / "a.bin", b"x")


def test_a_folder_appears_as_a_whole(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        assert not (tmp_path / "out").exists()
        (folder / "a").write_text("1")
        (folder / "b").write_text("2")

    write_folder(tmp_path / "out", fill)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a", "b"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_folder_on_a_full_disk_does_not_appear(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "small").write_bytes(bytes(10))
        (folder / "large").write_bytes(bytes(5000))

    with largest_file(1000), pytest.raises(StorageError):
        write_folder(tmp_path / "out", fill)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="exists already"):
        write_folder(tmp_path / "out", lambda folder: (folder / "a").write_text("1"))
    assert list((tmp_path / "out").iterdir()) == []


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_home_is_the_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("SFACE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home() == tmp_path / "cache" / "sface"
