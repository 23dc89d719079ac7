"""A folder per person: all pairs, drawn ones, and the pairs of ten folds."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError
from sface.evaluate.protocols.person_folders import open_folders, photos_of_people
from sface.evaluate.protocols.photo_pairs import PhotoPairs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person, count in {"Ada": 4, "Bo": 3, "Cid": 1, "Dee": 4}.items():
        (tmp_path / "people" / person).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "people" / person / f"{number}.jpg").touch()
    (tmp_path / "people" / "readme.txt").touch()
    return tmp_path / "people"


def listed(pairs: PhotoPairs, *, same: bool) -> list[tuple[str, ...]]:
    rows = pairs.pairs[pairs.same == same]
    return [tuple(sorted(f"{pairs.photos[row].parent.name}/{pairs.photos[row].name}" for row in pair)) for pair in rows]


def test_all_pairs(root: Path) -> None:
    pairs = open_folders(root)
    photos = sorted(f"{path.parent.name}/{path.name}" for path in root.glob("*/*.jpg"))
    expected = {
        kind: [pair for pair in combinations(photos, 2) if (pair[0][:3] == pair[1][:3]) == kind]
        for kind in (True, False)
    }
    for kind in (True, False):
        assert sorted(listed(pairs, same=kind)) == expected[kind]
    assert (pairs.persons[pairs.pairs[:, 0]] == pairs.persons[pairs.pairs[:, 1]]).tolist() == pairs.same.tolist()
    assert pairs.persons.tolist() == [0] * 4 + [1] * 3 + [2] + [3] * 4
    assert pairs.name == "people"
    assert pairs.protocol.startswith("pairs of the photos of 4 people")


def test_drawn_pairs(root: Path) -> None:
    pairs = open_folders(root, limit=9)
    assert np.bincount(pairs.same).tolist() == [9, 9]
    for kind in (True, False):
        drawn, all_pairs = (listed(folders, same=kind) for folders in (pairs, open_folders(root)))
        assert len(set(drawn)) == 9 and set(drawn) < set(all_pairs)
    assert "9 genuine and impostor pairs at most" in pairs.protocol
    assert np.array_equal(open_folders(root, limit=9).pairs, pairs.pairs)


def test_ten_folds_are_balanced(root: Path) -> None:
    pairs = open_folders(root)
    assert pairs.ten_folds is not None
    genuine, impostor = pairs.ten_folds[0::2], pairs.ten_folds[1::2]
    assert genuine.tolist() == np.flatnonzero(pairs.same).tolist()  # all 15
    assert len(set(impostor.tolist())) == 15 and not pairs.same[impostor].any()
    assert impostor.max() - impostor.min() > 15  # drawn from all, not the first


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        open_folders(tmp_path / "nowhere")
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "1.jpg").touch()
    with pytest.raises(DataError, match="holds photos of 1 people"):
        open_folders(tmp_path)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"photo")


def test_people_and_photos_come_sorted_without_what_is_hidden(tmp_path: Path) -> None:
    put(tmp_path, "b/2.jpg", "b/1.JPG", "a/x.png", "a/.thumb.png", ".cache/1.jpg", ".cache/2.jpg", "list.txt")
    put(tmp_path, "a/notes.txt", "a/Thumbs.db", "b/jpg", "c/notes.txt")
    (tmp_path / "empty").mkdir()
    assert photos_of_people(tmp_path) == {
        "a": [tmp_path / "a" / "x.png"],
        "b": [tmp_path / "b" / "1.JPG", tmp_path / "b" / "2.jpg"],
    }
    assert list(photos_of_people(tmp_path)) == ["a", "b"]


def test_a_folder_without_enough_people(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        photos_of_people(tmp_path / "nowhere")
    put(tmp_path, "photo.jpg")
    with pytest.raises(DataError, match=r"photo\.jpg: not a folder"):
        photos_of_people(tmp_path / "photo.jpg")
    with pytest.raises(DataError, match="photos of 0 people"):
        photos_of_people(tmp_path)
    put(tmp_path, "a/1.jpg", "a/2.jpg")
    with pytest.raises(DataError, match="photos of 1 people"):
        photos_of_people(tmp_path)


def test_a_folder_in_which_nobody_has_two_photos(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg")
    with pytest.raises(DataError, match="nobody in it has two photos"):
        photos_of_people(tmp_path)


def test_what_else_lies_in_a_persons_folder_is_left_out(tmp_path: Path) -> None:
    """As thumbnails that a network drive makes."""
    put(tmp_path, "a/1.jpg", "a/2.jpg", "a/imgs.txt", "b/1.jpg", "b/@eaDir/1.jpg")
    (tmp_path / "b" / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "b" / "folder.jpg").mkdir()
    assert photos_of_people(tmp_path) == {
        "a": [tmp_path / "a" / "1.jpg", tmp_path / "a" / "2.jpg"],
        "b": [tmp_path / "b" / "1.jpg"],
    }
