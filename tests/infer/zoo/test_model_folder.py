"""What lies in the folder of models."""

from dataclasses import replace
from pathlib import Path

import pytest

from sface import files
from sface.errors import ModelError
from sface.infer import zoo
from sface.infer.zoo.model_folder import record_repaired


def test_the_default_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="sface zoo get sface") as caught:
        zoo.default_model()
    assert caught.value.exit_code == 5
    (tmp_path / "models").mkdir()
    for name in (
        "face_recognition_sface_2021dec_folded.onnx",
        "face_recognition_sface_2021dec.onnx",
        "default.onnx",
    ):
        path = tmp_path / "models" / name
        path.touch()
        assert zoo.default_model() == path


def test_the_state_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    (published,) = (file for file in zoo.files() if file.name == "sface-fp32")
    path = zoo.folder() / published.kept_as
    assert path.parent == tmp_path / "models" and zoo.state(published) == "not there"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    assert zoo.state(published) == "other bytes"
    assert zoo.state(replace(published, size=7, sha256=files.sha256(path))) == "there"


def test_a_repaired_file_is_known_by_the_sha256_that_was_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    (file,) = (file for file in zoo.files() if file.name == "yunet-2023-int8bq")
    path = zoo.folder() / file.kept_as
    path.parent.mkdir()
    path.write_bytes(b"repaired")
    assert zoo.state(file) == "other bytes"
    record_repaired(path)
    assert zoo.state(file) == "there"
    path.write_bytes(b"damaged")
    assert zoo.state(file) == "other bytes"
