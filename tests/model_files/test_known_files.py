"""Published files are known by their bytes."""

import re
from pathlib import Path

import pytest

from sface.cli.dispatch import main
from sface.errors import PreprocessError
from sface.files import sha256
from sface.infer import FaceEmbedder, FaceVerifier
from sface.model_files.known_files import KNOWN_FILES, KnownFile, known_metadata
from sface.model_files.metadata import PREPROCESS, ModelMetadata

from ..tiny_models import write_model


def test_the_table() -> None:
    for digest, known in KNOWN_FILES.items():
        assert re.fullmatch("[0-9a-f]{64}", digest)
        assert known.network
        assert known.preprocess in PREPROCESS
        assert known.threshold is None or 0 < known.threshold < 1


def test_opencvs_file(shared: Path) -> None:
    known = KNOWN_FILES[sha256(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx")]
    assert (known.preprocess, known.threshold) == ("raw", 0.363)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file without a word about itself, which is known."""
    path = write_model(tmp_path / "published.onnx", normalised=False)
    monkeypatch.setitem(KNOWN_FILES, sha256(path), KnownFile("somebody's", "centered", 0.41))
    return path


def test_a_known_file_needs_no_word_about_its_input(published: Path) -> None:
    metadata = FaceEmbedder(published).metadata
    assert (metadata.preprocess, metadata.network, metadata.threshold) == ("centered", "somebody's", None)
    verifier = FaceVerifier(published, detector="mtcnn")
    assert (verifier.threshold, verifier.threshold_details.source) == (0.41, "published")
    with pytest.raises(PreprocessError, match=r"published\.onnx: takes centered input"):
        FaceEmbedder(published, preprocess="raw")


def test_what_is_made_of_a_known_file_says_what_was_known(published: Path, tmp_path: Path) -> None:
    assert main(["optimize", str(published), "-o", str(tmp_path / "fast.onnx")]) == 0
    metadata = FaceEmbedder(tmp_path / "fast.onnx").metadata
    assert (metadata.preprocess, metadata.network, metadata.published_threshold) == ("centered", "somebody's", 0.41)
    assert (metadata.threshold, metadata.fmr) == (None, None)


def test_the_metadata_of_a_known_file(published: Path) -> None:
    metadata = known_metadata(sha256(published), 112, 16)
    assert metadata == ModelMetadata("centered", 112, 16, network="somebody's", published_threshold=0.41)
    assert known_metadata("0" * 64, 112, 16) is None
