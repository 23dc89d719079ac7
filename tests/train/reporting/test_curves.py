"""The picture of a run's curves."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sface.align.image_file import load_image
from sface.errors import DataError, StorageError
from sface.train.reporting.curves import draw_curves
from tests.test_files import largest_file


def measurement(step: int, **changed: Any) -> dict[str, Any]:
    figures = dict.fromkeys(("loss", "intra", "inter", "cos_genuine", "cos_impostor", "top1"), step / 1000)
    return {"step": step, "epoch": 0, "lr": 0.1, **figures, "images_per_second": 50.0, **changed}


def verification(step: int, **accuracies: float) -> dict[str, Any]:
    figures = {name: {"accuracy": accuracy, "std": 0.01} for name, accuracy in accuracies.items()}
    mean = sum(accuracies.values()) / len(accuracies)
    return {"step": step, "verification": figures, "mean_accuracy": mean, "best": True}


def log(folder: Path, *records: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def changed_panels(first: Path, second: Path) -> list[int]:
    """Which of the six panels, row by row, two pictures differ in."""
    a, b = load_image(first).astype(int), load_image(second).astype(int)
    assert a.shape == b.shape
    height, width = a.shape[0] // 2, a.shape[1] // 3
    different = np.abs(a - b).sum(axis=2).reshape(2, height, 3, width).any(axis=(1, 3))
    return [int(panel) for panel in np.flatnonzero(different)]


BOTH = [measurement(step) for step in range(20, 2000, 20)] + [verification(1000, lfw=0.6), verification(2000, lfw=0.7)]


@pytest.mark.parametrize(
    ("change", "panels"),
    [
        ({"loss": 7.0}, [0]),
        ({"intra": 7.0}, [0]),
        ({"inter": 7.0}, [0]),
        ({"cos_genuine": 0.9}, [1]),
        ({"cos_impostor": 0.9}, [1]),
        ({"top1": 0.99}, [2]),
        ({"lr": 0.001}, [3]),
        ({"images_per_second": 10.0}, [5]),
    ],
)
def test_every_figure_is_in_its_panel(change: dict[str, float], panels: list[int], tmp_path: Path) -> None:
    before = draw_curves(log(tmp_path / "before", *BOTH))
    after = draw_curves(
        log(tmp_path / "after", *BOTH[:50], *({**record, **change} for record in BOTH[50:80]), *BOTH[80:])
    )
    assert before == tmp_path / "before" / "curves.png"
    assert [path.name for path in before.parent.iterdir()] == ["curves.png", "log.jsonl"]
    assert changed_panels(before, after) == panels


def test_verifications_are_in_their_panel(tmp_path: Path) -> None:
    pictures = [
        draw_curves(log(tmp_path / name, *BOTH[:-2], *verifications))
        for name, verifications in {
            "none": [],
            "one": [verification(1000, lfw=0.6), verification(1900, lfw=0.7)],
            "two": [verification(1000, lfw=0.6, agedb_30=0.5), verification(1900, lfw=0.7, agedb_30=0.6)],
            "a set with a strange name": [verification(1000, **{"$x_{": 0.6, "人脸": 0.5})],
        }.items()
    ]
    assert all(changed_panels(first, second) == [4] for first, second in pairwise(pictures))


def test_one_point_is_seen(tmp_path: Path) -> None:
    a = draw_curves(log(tmp_path / "a", measurement(20, lr=0.0)))  # no logarithm of 0
    b = draw_curves(log(tmp_path / "b", measurement(20, lr=0.0, cos_impostor=0.5)))
    assert changed_panels(a, b) == [1]
    draw_curves(log(tmp_path / "c", verification(2000, lfw=0.7)))


def test_a_long_run_is_thinned_to_means(tmp_path: Path) -> None:
    """Of 12,000 measurements each point is the mean of 20: noise that alternates is gone."""
    calm = [measurement(20 * n, top1=0.5) for n in range(12_000)]
    noisy = [measurement(20 * n, top1=0.5 + (0.4 if n % 2 else -0.4)) for n in range(12_000)]
    loud = [measurement(20 * n, top1=0.5 + (0.4 if n < 6000 else -0.4)) for n in range(12_000)]
    a, b, c = (
        draw_curves(log(tmp_path / name, *records)) for name, records in zip("abc", (calm, noisy, loud), strict=True)
    )
    assert changed_panels(a, b) == []
    assert changed_panels(a, c) == [2]


def test_what_can_not_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"log\.jsonl: holds no measurement"):
        draw_curves(tmp_path)
    folder = log(tmp_path, *BOTH)
    draw_curves(folder)
    before = (folder / "curves.png").read_bytes()
    with largest_file(20_000), pytest.raises(StorageError, match=r"curves\.png: could not be written"):
        draw_curves(folder)
    assert (folder / "curves.png").read_bytes() == before


def test_no_state_of_pyplot(tmp_path: Path) -> None:
    log(tmp_path, *BOTH)
    code = (
        "import sys; from pathlib import Path; import sface.train.reporting.curves as curves\n"
        "print('matplotlib' in sys.modules)\n"
        f"curves.draw_curves(Path({str(tmp_path)!r}))\n"
        "print([name for name in ('matplotlib.pyplot', 'jittor') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")[:2] == ["False", "[]"]
