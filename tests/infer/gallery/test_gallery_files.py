"""A gallery's files: whole for every reader, and refused where they are damaged."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sface.errors import DataError, StorageError
from sface.infer import Gallery
from tests.test_files import largest_file

from .drawn_vectors import MODEL, three, unit


def test_a_reader_is_not_disturbed(tmp_path: Path) -> None:
    three().save(tmp_path)
    reader = Gallery.load(tmp_path)
    before = reader.search(unit(9, 4), 3)
    changed = Gallery.load(tmp_path)
    changed.add({"Ada": unit(40, 5)})
    changed.save(tmp_path)
    assert reader.search(unit(9, 4), 3) == before


def test_a_full_disk_leaves_the_old_gallery(tmp_path: Path) -> None:
    gallery = three()
    gallery.save(tmp_path)
    gallery.add({"many": unit(7, 200)})
    with largest_file(2000), pytest.raises(StorageError):
        gallery.save(tmp_path)
    Gallery.check(tmp_path)
    assert Gallery.load(tmp_path).people == three().people


def test_it_holds_no_pickle(tmp_path: Path) -> None:
    """A file of vectors that would run a command is refused."""
    three().save(tmp_path)
    np.save(tmp_path / "embeddings-1.npy", np.array([object()] * 6), allow_pickle=True)
    with pytest.raises(DataError, match=r"embeddings-1\.npy: can't be read"):
        Gallery.load(tmp_path)


def cut_off(folder: Path) -> None:
    path = folder / "embeddings-1.npy"
    path.write_bytes(path.read_bytes()[:-8])


def an_archive(folder: Path) -> None:
    np.savez(folder / "x.npz", unit(0, 6))
    (folder / "x.npz").rename(folder / "embeddings-1.npy")


def of_another_shape(folder: Path) -> None:
    np.save(folder / "embeddings-1.npy", unit(0, 5))


def of_another_type(folder: Path) -> None:
    np.save(folder / "embeddings-1.npy", unit(0, 6).astype(np.float64))


def with_field(name: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "gallery.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))

    change.__name__ = f"{name}={value}"
    return change


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        an_archive,
        of_another_shape,
        of_another_type,
        lambda folder: (folder / "embeddings-1.npy").unlink(),
        lambda folder: (folder / "gallery.json").unlink(),
        lambda folder: (folder / "gallery.json").write_text("{"),
        lambda folder: (folder / "gallery.json").write_bytes(b"\xff\x00"),
        lambda folder: (folder / "gallery.json").write_text("[]"),
        with_field("people", {"Ada": -1}),
        with_field("people", ["Ada"]),
        with_field("people", {"Ada": "6"}),
        with_field("vectors", "../../etc/passwd"),
        with_field("format", 2),
        with_field("embedding_size", 0),
        with_field("aligner", 1),
        with_field("aligner", "yunet\x1b[2J"),
    ],
)
def test_a_damaged_gallery(damage: Callable[[Path], object], tmp_path: Path) -> None:
    folder = tmp_path / "g"
    three().save(folder)
    damage(folder)
    with pytest.raises(DataError, match="g"):
        Gallery.load(folder)


def test_a_changed_bit_is_found(tmp_path: Path) -> None:
    three().save(tmp_path)
    path = tmp_path / "embeddings-1.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    Gallery.load(tmp_path)
    with pytest.raises(DataError, match="its sha256 is not the one in"):
        Gallery.check(tmp_path)


def test_readers_see_a_whole_gallery_while_it_is_changed(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    gallery = three()
    gallery.save(folder)

    done = threading.Event()

    def read() -> int:
        count = 0
        while not done.is_set():
            assert Gallery.load(folder, MODEL).people["Ada"] == 2
            Gallery.check(folder)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(20):
            gallery.add({f"p{number}": unit(number, 1)})
            gallery.save(folder)
        done.set()
    assert sum(reader.result() for reader in readers) > 3
    next(folder.glob("embeddings-*.npy")).unlink()
    with pytest.raises(DataError, match=r"embeddings-\d+\.npy: is missing; enroll"):
        Gallery.load(folder)
