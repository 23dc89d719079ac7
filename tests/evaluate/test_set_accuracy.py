"""The accuracy on one set as a function, and by how much that of two networks differs."""

import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.errors import DataError
from sface.evaluate import AccuracyOn, accuracy_on
from sface.evaluate.ten_fold_verification import verify
from sface.export import PairedAccuracyMeasure

PAIRS, SIZE, PEOPLE = 60, 12, 9
PROJECTION = np.random.default_rng(1).normal(0, 1, (SIZE * SIZE * 3, 16))


def projected(images: np.ndarray) -> np.ndarray:
    """Is wrong about many pairs."""
    return ((images.reshape(len(images), -1) / 255) @ PROJECTION).astype(np.float32)


def knows(images: np.ndarray) -> np.ndarray:
    """Is right about all: the top corners say who it is."""
    return np.eye(PEOPLE, dtype=np.float32)[images[:, 0, 0, 0]]


@pytest.fixture(scope="module")
def accuracy(tmp_path_factory: pytest.TempPathFactory) -> AccuracyOn:
    """Noise with the person's number in both top corners; every other pair is genuine."""
    generator, images, same = np.random.default_rng(0), [], []
    for pair in range(PAIRS):
        same.append(pair % 2 == 0)
        for person in (pair % PEOPLE, (pair + pair % 2) % PEOPLE):
            picture = generator.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            picture[0, [0, -1]] = person
            images.append(cv2.imencode(".png", picture)[1].tobytes())
    path = tmp_path_factory.mktemp("bin") / "small.bin"
    path.write_bytes(pickle.dumps((images, same)))
    return accuracy_on(str(path))


def test_the_accuracy(accuracy: AccuracyOn, tmp_path: Path) -> None:
    assert (accuracy.path, accuracy.name, accuracy.size) == (accuracy.bin_set.path, "small", SIZE)
    assert accuracy(projected) == verify(projected, accuracy.bin_set).accuracy < accuracy(knows) == 1
    with pytest.raises(DataError, match=r"none\.bin: can't be read"):
        accuracy_on(tmp_path / "none.bin")


def test_the_change(accuracy: AccuracyOn) -> None:
    gained, lost = accuracy.change(projected, knows), accuracy.change(knows, projected)
    assert (gained.before, gained.after) == pytest.approx((accuracy(projected), accuracy(knows)))
    assert gained.change == gained.after - gained.before
    assert 0 < gained.low < gained.change < gained.high
    assert (lost.before, lost.after, lost.change) == (gained.after, gained.before, -gained.change)
    assert lost.low < lost.change < lost.high < 0


def test_the_same_network_changes_nothing(accuracy: AccuracyOn) -> None:
    """Pairs of so many people can't show more than the rule of three."""
    same = accuracy.change(knows, knows)
    assert (same.change, same.low) == (0, -same.high)
    assert 0 < same.high < 0.1
    assert same.text() == f"+0.00 points ({-100 * same.high:+.2f} to {100 * same.high:+.2f})"


def test_it_is_what_an_export_takes(accuracy: AccuracyOn) -> None:
    measure: PairedAccuracyMeasure = accuracy
    assert isinstance(measure, PairedAccuracyMeasure)


def test_the_accuracy_needs_neither_jittor_nor_onnx() -> None:
    names = ("jittor", "onnx", "onnxruntime", "sklearn", "matplotlib")
    code = f"import sys, sface.evaluate.set_accuracy; print([name for name in {names} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
