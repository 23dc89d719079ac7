"""A folder of photos embedded from Python; the command's tests have interruptions, ranks and full disks."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError, UsageError
from sface.infer import FaceVerifier, embed_folder
from sface.output import Output
from sface.processes import shards

from ..child_processes import in_this_process
from ..tiny_models import DIMENSION, raw_metadata, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos and a text; the work is done in this process."""
    monkeypatch.setattr(shards, "in_processes", in_this_process)
    (tmp_path / "photos").mkdir()
    for path in drawn_photos[:2]:
        shutil.copy(path, tmp_path / "photos")
    (tmp_path / "photos" / "text.jpg").write_text("no photo")
    return tmp_path / "photos"


def test_a_folder_in_one_call(photos: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = photos.parent / "out.npz"
    done = embed_folder(str(photos), str(file), model=model, detector="mtcnn", flip=True)
    assert done is not None
    assert (done.path, done.photos, done.faces, done.embedding_size) == (file, 3, 2, DIMENSION)
    assert done.left_out == {"bad_image": 1}
    verifier = FaceVerifier(model, detector="mtcnn", flip=True)
    assert (done.model, done.model_sha256) == (str(model), verifier.embedder.sha256)
    assert (done.detector, done.provider) == ("mtcnn", "CPUExecutionProvider")
    with np.load(file) as arrays:
        assert np.abs(arrays["embeddings"] - verifier.embed(sorted(photos.glob("*.png")))).max() <= 1e-6
    assert sorted(path.name for path in photos.parent.iterdir()) == ["model.onnx", "out.npz", "photos"]
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_the_output(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sface.progress.SECONDS_BETWEEN_NOTES", -1)
    embed_folder(photos, photos.parent / "out.npz", model=model, detector="mtcnn", output=Output())
    assert capsys.readouterr().err == "3 of 3 photos\n"


def test_calls_that_write_nothing(photos: Path, model: Path) -> None:
    before = sorted(photos.parent.iterdir())
    with pytest.raises(UsageError, match=r"model\.onnx: is there already and no file of embeddings"):
        embed_folder(photos, model, model=model)
    with pytest.raises(DataError, match="there is no such folder"):
        embed_folder(photos / "none", photos.parent / "out.npz", model=model)
    with pytest.raises(UsageError, match="detector mtcnn: no face is looked for in aligned crops"):
        embed_folder(photos, photos.parent / "out.npz", model=model, detector="mtcnn", aligned=True)
    assert sorted(photos.parent.iterdir()) == before
