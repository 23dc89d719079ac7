"""Shards: which files they have, what is done again, and damaged ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError, StorageError
from sface.output import Output
from sface.processes import shards as shards_module
from sface.processes.shards import PHOTOS, Shard, Shards

from ..child_processes import in_this_process

QUIET = Output(quiet=True)
NAMES = [f"{number:03}.jpg" for number in range(2 * PHOTOS + 5)]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards_module, "in_processes", in_this_process)
    (tmp_path / "photos").mkdir()
    for name in NAMES:
        (tmp_path / "photos" / name).write_text(name)
    return tmp_path / "photos"


def plan(photos: Path, **settings: object) -> Shards:
    return Shards(photos.parent / "out", photos, NAMES, settings)


def do(shards: Shards, rank: int = 0, ranks: int = 1) -> list[str]:
    """Do them; gives the first photo of each that was worked on."""
    done = []

    def work(_: None, shard: Shard) -> None:
        done.append(shard.photos[0])
        shard.store({"names": np.array(shard.photos)})

    shards.do(lambda: None, work, QUIET, rank=rank, ranks=ranks)
    return done


def test_each_photo_once_in_order(photos: Path) -> None:
    shards = plan(photos)
    assert do(shards) == [NAMES[0], NAMES[PHOTOS], NAMES[2 * PHOTOS]]
    assert [name for _, arrays in shards.load("names") for name in arrays["names"]] == NAMES
    assert shards.folder == photos.parent / ".out-shards"
    assert os.name == "nt" or shards.folder.stat().st_mode & 0o777 == 0o700
    assert do(plan(photos)) == []
    shards.remove()
    assert list(photos.parent.iterdir()) == [photos]


def test_what_has_changed_is_done_again(photos: Path) -> None:
    do(plan(photos))
    os.utime(photos / NAMES[3], ns=(1, 1))
    assert do(plan(photos)) == [NAMES[0]]
    (photos / NAMES[PHOTOS]).write_text("longer than it was")
    assert do(plan(photos)) == [NAMES[PHOTOS]]
    assert len(do(plan(photos, flip=True))) == 3
    assert do(plan(photos)) == []


def test_ranks_share_them_out(photos: Path) -> None:
    assert do(plan(photos), 1, 2) == [NAMES[PHOTOS]]
    assert do(plan(photos), 0, 2) == [NAMES[0], NAMES[2 * PHOTOS]]


def test_a_photo_that_changes_meanwhile_and_a_damaged_file(photos: Path) -> None:
    do(plan(photos))
    os.utime(photos / NAMES[3], ns=(1, 1))
    with pytest.raises(DataError, match=r"photos have changed meanwhile, such as 000\.jpg; run the command again"):
        list(plan(photos).load("names"))
    os.truncate(plan(photos).all[1].file, 100)
    with pytest.raises(StorageError, match=r"npz: is damaged .*; remove it and run the command again"):
        plan(photos).all[1].load("names")
    plan(photos).all[2].store({"others": np.zeros(1)})
    with pytest.raises(StorageError, match=r"npz: is damaged"):
        plan(photos).all[2].load("names")


def test_finish_is_called_with_what_the_work_gives(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = plan(photos)

    def finish(shard: Shard, count: int) -> None:
        if count < PHOTOS:
            raise KeyboardInterrupt
        shard.store({"count": np.array(count)})

    with pytest.raises(KeyboardInterrupt):
        shards.do(lambda: None, lambda _, shard: len(shard.photos), Output(), finish=finish)
    assert capsys.readouterr().err == "the same command goes on from here\n"
    assert [shard.file.is_file() for shard in shards.all] == [True, True, False]
    assert int(shards.all[1].load("count")["count"]) == PHOTOS


def test_a_folder_that_cannot_be_made(photos: Path) -> None:
    (photos.parent / "file").write_text("no folder")
    with pytest.raises(StorageError, match="could not be written"):
        do(Shards(photos.parent / "file" / "out", photos, NAMES, {}))
