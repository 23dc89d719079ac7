"""The Python examples of docs/export.md, each as a program in a folder with the files that it names."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.export.parity.proof_crops import drawn_crops
from tests.paths import REPOSITORY
from tests.test_docs_examples import examples, run

PAGE = REPOSITORY / "docs" / "export.md"


@pytest.fixture
def folder(tmp_path: Path, run_folder: Path) -> Path:
    """A run, face crops, and a verification set of them."""
    (tmp_path / "run").symlink_to(run_folder)
    (tmp_path / "crops").mkdir()
    pictures = []
    for index, crop in enumerate(drawn_crops(40, seed=7)):
        path = tmp_path / "crops" / f"{index:02}.png"
        cv2.imwrite(str(path), np.ascontiguousarray(crop[:, :, ::-1]))
        pictures.append(path.read_bytes())
    images = [picture for index in range(20) for picture in (pictures[index], pictures[index // 2])]
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps((images, [index % 2 == 0 for index in range(20)])))
    return tmp_path


def test_the_pages_examples(folder: Path) -> None:
    printed = run(examples(PAGE), folder)
    assert printed.startswith("MobileFaceNet ")
    written = {path.name for path in folder.glob("*.onnx")}
    assert written == {"model.onnx", "opencv.onnx", "int8.onnx", "best.onnx", "resnet18.onnx", "sums.onnx"}
