"""A folder per person: all pairs, drawn ones, and the pairs of ten folds."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError
from sface.evaluate.protocols.person_folders import open_folders
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
