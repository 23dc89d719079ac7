"""LFW from photos: lists in LFW's own formats, what they give, and lists that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError
from sface.evaluate.protocols.lfw_photos import open_lfw

PEOPLE = {"Ada": 3, "Bo_Li": 2, "Cid": 2, "Dee": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Empty files with LFW's names: what is read of a photo is the caller's business."""
    for name, count in PEOPLE.items():
        for number in range(1, count + 1):
            path = tmp_path / "lfw" / name / f"{name}_{number:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path / "lfw"


def write(root: Path, *lines: str, name: str = "pairs.txt") -> Path:
    path = root / name
    path.write_text("\n".join(line.replace(" ", "\t") for line in lines) + "\n", encoding="utf-8")
    return path


ONE_FOLD = ("1 3", "Ada 1 3", "Bo_Li 1 2", "Cid 2 1", "Ada 1 Dee 1", "Bo_Li 2 Cid 1", "Ada 2 Bo_Li 1")


def test_what_a_list_gives(root: Path) -> None:
    write(root, *ONE_FOLD)
    pairs = open_lfw(root)
    names = [path.stem for path in pairs.photos]
    assert all(path == root / path.stem[:-5] / path.name for path in pairs.photos)
    assert names == [
        *("Ada_0001", "Ada_0003", "Bo_Li_0001", "Bo_Li_0002", "Cid_0002", "Cid_0001", "Dee_0001", "Ada_0002"),
    ]
    assert pairs.pairs.tolist() == [[0, 1], [2, 3], [4, 5], [0, 6], [3, 5], [7, 2]]
    assert pairs.same.tolist() == [True, True, True, False, False, False]
    assert pairs.persons.tolist() == [0, 0, 1, 1, 2, 2, 3, 0]
    assert pairs.name == "lfw"
    assert pairs.protocol == "photos of lfw, pairs and people as in pairs.txt"
    assert pairs.ten_folds is None  # six pairs can't be split into ten


def test_photos_are_compared(root: Path) -> None:
    """Each photo is a direction in the plane; Dee's gives no face."""
    write(root, *ONE_FOLD)
    angles = np.radians([10.0, 40, 100, 130, 180, 200, np.nan, 20])
    compared = open_lfw(root).compare(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
    degrees = np.array([30, 30, 20, np.nan, 70, 80])
    assert compared.similarity == pytest.approx(np.cos(np.radians(degrees)), abs=1e-6, nan_ok=True)
    assert compared.people.tolist() == [[0, 0], [1, 1], [2, 2], [0, 3], [1, 2], [0, 1]]
    assert (compared.photos, compared.failed) == (8, 1)
    assert compared.compared.tolist() == [True, True, True, False, True, True]


def test_equal_photos_are_no_more_than_equal(root: Path) -> None:
    write(root, *ONE_FOLD)
    unit = np.full((1, 128), 128**-0.5, dtype=np.float32)
    assert (unit.astype(float) ** 2).sum() != 1
    assert open_lfw(root).compare(np.repeat(unit * 1.0001, 8, axis=0)).similarity.max() == 1


def test_ten_folds_in_the_lists_order_and_others_by_turns(root: Path) -> None:
    genuine, impostor = ["Ada 1 2", "Ada 1 3"], ["Ada 1 Dee 1", "Cid 1 Dee 1"]
    write(root, "10 2", *(genuine + impostor) * 10)
    folds = open_lfw(root)
    assert folds.ten_folds is not None and folds.ten_folds.tolist() == list(range(40))
    assert folds.same.tolist() == [True, True, False, False] * 10
    assert folds.protocol == "photos of lfw, pairs and folds as in pairs.txt"
    other = write(root, "20", *genuine * 10, *impostor * 10, name="pairsDevTest.txt")
    turns = open_lfw(root, other)
    assert turns.protocol.endswith("people as in pairsDevTest.txt")
    assert turns.ten_folds is not None
    assert turns.ten_folds.tolist() == [row for pair in zip(range(20), range(20, 40), strict=True) for row in pair]


def test_the_published_photos(shared: Path) -> None:
    root = shared / "photos" / "lfw"
    pairs = open_lfw(root)
    lines = [line.split() for line in (root / "pairs.txt").read_text().splitlines()[1:]]
    assert len(pairs.same) == 600 and pairs.same.tolist() == [len(words) == 3 for words in lines]
    for words, (first, second) in zip(lines, pairs.pairs, strict=True):
        expected = [(words[0], words[1]), (words[0], words[2])] if len(words) == 3 else [words[:2], words[2:]]
        assert [pairs.photos[row].name for row in (first, second)] == [
            f"{name}_{int(number):04}.jpg" for name, number in expected
        ]
        assert (pairs.persons[first] == pairs.persons[second]) == (len(words) == 3)
    assert len(pairs.photos) == 807
    assert len(set(pairs.persons.tolist())) == len({path.parent for path in pairs.photos})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "line 1: has no number of folds and of pairs"),
        (("Ada 1 3",), "line 1: has no number of folds and of pairs"),
        (("0 300",), "line 1: has no number"),
        (("-1",), "line 1: has no number"),
        (("٣",), "line 1: has no number"),
        (("9" * 5000,), "line 1: has no number"),
        (("1 2", *ONE_FOLD[1:]), "speaks of 4 pairs, but 6 lines follow; get it again"),
        (("999999999 999999999", "Ada 1 3"), "pairs, but 1 lines follow"),
        (("1", "Ada 1 2", "Ada 1 2"), "line 3: is no pair of two people, NAME 1 NAME 2"),
        (("1", "Ada 1 Bo_Li 1", "Ada 1 Bo_Li 1"), "line 2: is no pair of one person, NAME 1 4"),
        (("1", "", "Ada 1 Bo_Li 1"), "line 2: is no pair of one person"),
        (("1", "Ada 1 x", "Ada 1 Bo_Li 1"), "line 2: Ada x is no name of a folder with a number of a photo"),
        (("1", "Ada 1 0", "Ada 1 Bo_Li 1"), "line 2: Ada 0 is no name"),
        (("1", "../lfw/Ada 1 2", "Ada 1 Bo_Li 1"), "line 2: ../lfw/Ada 1 is no name of a folder"),
        (("1", ".. 1 2", "Ada 1 Bo_Li 1"), "line 2: .. 1 is no name of a folder"),
        (("1", "Ada 1 1", "Ada 1 Bo_Li 1"), "line 2: names one photo twice"),
        (("1", "Ada 1 2", "Ada 1 Ada 3"), "line 3: names one person twice"),
        (("1", "Ada 1 2", "Ada 1 Dee 2"), "line 3: {root}/Dee/Dee_0002.jpg: there is no such photo"),
        (("1", "Ada 1 2", "Ada 1 " + "D" * 300 + " 2"), "there is no such photo"),
    ],
)
def test_damaged_lists(root: Path, lines: tuple[str, ...], words: str) -> None:
    path = write(root, *lines)
    with pytest.raises(DataError) as caught:
        open_lfw(root)
    assert str(caught.value).startswith(f"{path}: ")
    assert words.format(root=root) in str(caught.value)


def test_no_list_and_no_text(root: Path) -> None:
    with pytest.raises(DataError, match=r"pairs.txt: can't be read \(No such file or directory\); needed is a list"):
        open_lfw(root)
    (root / "pairs.txt").write_bytes(b"10\t300\n\xff\xfe")
    with pytest.raises(DataError, match=r"pairs.txt: is no text in UTF-8"):
        open_lfw(root)
    (root / "pairs.txt").unlink()
    (root / "pairs.txt").mkdir()
    with pytest.raises(DataError, match=r"pairs.txt: can't be read"):
        open_lfw(root)
