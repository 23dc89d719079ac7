"""Who is on photos, of the people of a gallery in memory."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.errors import ImageError, ModelError, UsageError
from sface.infer import FaceVerifier, Gallery
from sface.infer.gallery.identification import expected_fpir

from ...people_photos import pattern
from ...tiny_models import raw_metadata, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    measured = raw_metadata(threshold=0.98, fmr=0.01, threshold_set="SET", aligner="aligned")
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx", metadata=measured)


@pytest.fixture(scope="module")
def verifier(model: Path) -> FaceVerifier:
    return FaceVerifier(model, aligned=True)


@pytest.fixture(scope="module")
def gallery(verifier: FaceVerifier) -> Gallery:
    gallery = Gallery(verifier.embedder)
    gallery.enroll({"Ada": [pattern(1, 0), pattern(1, 1)], "Bo": [pattern(2, 0)]}, verifier)
    return gallery


def test_who_is_on_photos(gallery: Gallery, verifier: FaceVerifier, capsys: pytest.CaptureFixture[str]) -> None:
    found = gallery.identify([pattern(1, 5), pattern(2, 5)], verifier)
    assert [face.person for face in found.faces] == ["Ada", "Bo"]
    assert found.identified
    assert [face.face.photo for face in found.faces] == ["photo 1", "photo 2"]
    assert found.faces[0].similarity >= 0.98 and found.faces[0].margin is not None and found.faces[0].margin > 0
    assert (found.people, found.photos, found.threshold, found.threshold_source) == (2, 3, 0.98, "file")
    assert (found.fmr, found.threshold_set) == (0.01, "SET")
    assert found.fpir == pytest.approx(1 - 0.99**3)
    assert found.notes[0].startswith("of strangers about 2.97 % are taken for somebody")
    assert found.notes[0].endswith("; threshold can be stricter")
    assert set(found.timings) == {"read", "detect", "align", "embed", "search"}
    assert json.loads(json.dumps(found.faces[1].to_dict()))["person"] == "Bo"
    assert not gallery.identify([pattern(3, 0)], verifier).identified
    assert capsys.readouterr() == ("", "")


def test_photos_that_can_not_be_used(gallery: Gallery, verifier: FaceVerifier) -> None:
    found = gallery.identify([b"junk", pattern(1, 5)], verifier)
    assert [face.person for face in found.faces] == ["Ada"]
    assert not found.identified
    assert [(type(error), error.path) for error in found.left_out] == [(ImageError, "photo 1")]
    with pytest.raises(ImageError, match="photo 1: is not a picture"):
        gallery.identify([b"junk", b"junk"], verifier)


def test_wrong_calls(gallery: Gallery, verifier: FaceVerifier, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no photo"):
        gallery.identify([], verifier)
    with pytest.raises(UsageError, match="the gallery is empty"):
        Gallery(verifier.embedder).identify([pattern(1, 5)], verifier)
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=1)
    with pytest.raises(ModelError, match="of another network"):
        gallery.identify([pattern(1, 5)], FaceVerifier(other, aligned=True))


def test_arrays_in_bgr(gallery: Gallery, verifier: FaceVerifier) -> None:
    image = cv2.cvtColor(pattern(1, 5), cv2.COLOR_RGB2BGR)
    expected = gallery.identify([pattern(1, 5)], verifier).faces[0]
    (face,) = gallery.identify([image], verifier, color="bgr").faces
    assert face.person == "Ada" and face.similarity == pytest.approx(expected.similarity, abs=1e-6)
    (swapped,) = gallery.identify([image], verifier).faces
    assert swapped.similarity < expected.similarity - 0.01


def test_several_faces_of_a_photo(model: Path, drawn_photos: list[Path]) -> None:
    both = np.concatenate([cv2.imread(str(path)) for path in drawn_photos[:2]], axis=1)
    verifier = FaceVerifier(model, detector="mtcnn")
    gallery = Gallery(verifier.embedder)
    gallery.enroll({"Ada": drawn_photos[:1], "Bo": drawn_photos[1:2]}, verifier)
    one = gallery.identify([both], verifier, color="bgr")
    assert len(one.faces) == 1
    assert one.notes[-1] == "photo 1: 2 faces; one of them was taken (faces='all' takes all)"
    every = gallery.identify([both], FaceVerifier(model, detector="mtcnn", faces="all", threshold=0.9), color="bgr")
    assert {face.person for face in every.faces} == {"Ada", "Bo"}
    assert not any("faces" in note for note in every.notes if note.startswith("photo 1"))


def test_the_share_of_strangers_who_are_somebody() -> None:
    assert expected_fpir(0.001, 1) == pytest.approx(0.001)
    assert expected_fpir(0.001, 1000) == pytest.approx(0.632, abs=0.001)
    assert expected_fpir(1e-6, 100) == pytest.approx(1e-4, rel=1e-3)
    assert (expected_fpir(0, 50), expected_fpir(1, 2)) == (0, 1)


def test_photos_of_another_aligner_than_the_gallerys(gallery: Gallery, model: Path, drawn_photos: list[Path]) -> None:
    finding = FaceVerifier(model, detector="mtcnn", threshold=0.9)
    found = gallery.identify(drawn_photos[:1], finding)
    assert len(found.faces) == 1
    assert found.notes == (
        "the gallery was enrolled with aligned crops, this run uses mtcnn+onet-1: such faces compare less exactly; "
        "enroll all photos in a new gallery and identify with the same detector",
    )
    own = Gallery(finding.embedder)
    own.add({"Ada": finding.embed(drawn_photos[:1])})
    assert "enrolled with an aligner that is not known" in own.identify(drawn_photos[:1], finding).notes[0]
    own.aligner = finding.aligner
    assert own.identify(drawn_photos[:1], finding).notes == ()
