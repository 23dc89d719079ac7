"""The parts of the demo that are its own: the split of a real set, the measurement, the picture."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sface.cli.dispatch import main
from sface.datasets.image_sets import open_image_set
from sface.errors import DataError
from tests.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "demo"))

from measure import Pair, measure
from picture import write_picture
from real_set import split


def test_a_real_set_is_split_by_people(drawn_set: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn_set, data)
    names = [line.rsplit(None, 1)[0] for line in (data / "imgs.txt").read_text().splitlines()]
    (data / "imgs.txt").write_text("".join(f"{name} {index // 4}\n" for index, name in enumerate(names)))
    (data / "property").write_text("12,112,112\n")
    (data / names[0]).write_bytes(b"damaged")
    parts = [tmp_path / name for name in ("train", "calibrate", "held_out")]
    split(data, *parts)
    whole, sets = open_image_set(data), [open_image_set(part) for part in parts]
    assert [one.num_classes for one in sets] == [7, 2, 3]
    assert sum(len(one) for one in sets) == 47
    # Each person of a part is one of the whole set, with all that can be read of it, and in no other part.
    taken = []
    for one in sets:
        for label in range(one.num_classes):
            image = one.image(int(np.flatnonzero(one.labels == label)[0])).astype(int)
            distances = [np.abs(whole.image(index) - image).mean() for index in range(1, 48)]
            assert min(distances) < 5
            taken.append(int(whole.labels[1 + int(np.argmin(distances))]))
    assert sorted(taken) == list(range(12))


def test_a_set_that_is_too_small(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 people are too few for a demo"):
        split(drawn_set, tmp_path / "a", tmp_path / "b", tmp_path / "c")
    demo = REPOSITORY / "demo" / "run.py"
    done = subprocess.run(
        [sys.executable, str(demo), "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'nowhere'}: no such folder; name a training set's\n"


def test_measuring_and_drawing(
    drawn_set: Path, model_file: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measure(model_file, drawn_set)
    assert measured.pairs == 2 * 6 * 28
    assert 0.4 < measured.pixels < 0.9
    # Both are of the same pairs, so they would be equal if one stood for the other.
    assert measured.network != measured.pixels
    assert all(pair.first.name.split("-")[0] == pair.second.name.split("-")[0] for pair in measured.genuine)
    assert all(pair.first.name.split("-")[0] != pair.second.name.split("-")[0] for pair in measured.impostor)
    pairs, decisions = [], []
    for kind in (measured.genuine, measured.impostor):
        for candidate in kind:
            pair = Pair(drawn_set / candidate.first, drawn_set / candidate.second)
            if main(["verify", str(pair.first), str(pair.second), "--model", str(model_file), "--json"]) in (0, 1):
                pairs.append(pair)
                decisions.append(json.loads(capsys.readouterr().out))
                break
            capsys.readouterr()
    assert len(pairs) == 2
    write_picture(tmp_path / "demo.png", run_folder, pairs, decisions)
    assert (tmp_path / "demo.png").stat().st_size > 50_000
