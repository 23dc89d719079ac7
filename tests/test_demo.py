"""The parts of the demo that are its own: the split of a real set, the measurement, the picture."""

import json
import sys
from pathlib import Path

import pytest

from sface.cli import main
from sface.train.image_sets import open_image_set

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))

from measure import Pair, measure
from picture import draw
from real_set import split


def test_a_real_set_is_split_by_people(drawn_set: Path, tmp_path: Path) -> None:
    parts = [tmp_path / name for name in ("train", "calibrate", "held_out")]
    split(drawn_set, *parts)
    sets = [open_image_set(part) for part in parts]
    assert [one.num_classes for one in sets] == [4, 1, 1]
    assert [len(one) for one in sets] == [32, 8, 8]
    # Each part keeps the people's own pictures.
    mean = [one.image(0).mean() for one in sets]
    assert len(set(mean)) == 3


def test_measuring_and_drawing(
    drawn_set: Path, model_file: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measure(model_file, drawn_set)
    assert measured.pairs == 2 * 6 * 28
    assert 0.4 < measured.pixels < 0.9
    assert 0.4 < measured.network <= 1
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
    draw(tmp_path / "demo.png", run_folder, pairs, decisions)
    assert (tmp_path / "demo.png").stat().st_size > 50_000
