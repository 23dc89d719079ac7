"""Which threshold decides, and what is said of it."""

from pathlib import Path

import onnx
import pytest

from sface.errors import ModelError, UsageError
from sface.infer import FaceVerifier
from sface.infer.threshold import Threshold, choose_threshold

from ..tiny_models import raw_metadata, write_model

MEASURED = {"threshold": 0.25, "fmr": 0.001, "threshold_set": "SET", "aligner": "mtcnn+onet-1"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())


def test_which_threshold_decides(tiny: Path, tmp_path: Path) -> None:
    def details(**fields: object) -> Threshold:
        model = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**fields))
        return FaceVerifier(model, detector="mtcnn").threshold_details

    assert FaceVerifier(tiny, detector="mtcnn").threshold == 0.36
    assert details() == Threshold(0.36, "default")
    assert details(published_threshold=0.3) == Threshold(0.3, "published")
    assert details(published_threshold=0.3, **MEASURED) == Threshold(0.25, "file", 0.001, "SET")
    measured = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**MEASURED))
    assert FaceVerifier(measured, detector="mtcnn", threshold=0.5).threshold_details == Threshold(0.5, "given")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), 1.01, -1.01])
def test_a_threshold_that_is_no_cosine(tiny: Path, tmp_path: Path, threshold: float) -> None:
    with pytest.raises(UsageError, match="from -1 to 1"):
        FaceVerifier(tiny, threshold=threshold)
    broken = write_model(tmp_path / "broken.onnx", metadata=raw_metadata(**{**MEASURED, "threshold": threshold}))
    with pytest.raises(ModelError, match="run sface calibrate again"):
        FaceVerifier(broken, detector="mtcnn")


@pytest.mark.parametrize(
    ("measured_with", "basis"),
    [
        ("yunet+onet-1", "with yunet+onet-1"),
        ("mtcnn+onet-2", "with mtcnn+onet-2"),
        ("mtcnn", "with mtcnn"),
        ("aligned", "on crops"),
        (None, "with an aligner that is not known"),
    ],
)
def test_another_aligner_than_the_threshold_was_measured_with_is_a_note(
    drawn_photos: list[Path], tmp_path: Path, measured_with: str | None, basis: str
) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata(**{**MEASURED, "aligner": measured_with}))
    a = drawn_photos[0]
    (note,) = FaceVerifier(model, detector="mtcnn").verify(a, a).notes
    assert note.startswith(f"the threshold was measured {basis}, these faces are aligned by mtcnn+onet-1: ")
    assert note.endswith(": sface calibrate --detector mtcnn")
    assert FaceVerifier(model, detector="mtcnn", threshold=0.25).verify(a, a).notes == ()


def test_the_same_aligner_is_no_note(drawn_photos: list[Path], tmp_path: Path) -> None:
    a, model = drawn_photos[0], write_model(tmp_path / "model.onnx", metadata=raw_metadata(**MEASURED))
    verifier = FaceVerifier(model, detector="mtcnn")
    assert (verifier.detector, verifier.aligner) == ("mtcnn", "mtcnn+onet-1")
    assert verifier.verify(a, a).notes == ()
    crops = raw_metadata(**{**MEASURED, "aligner": "aligned"})
    assert choose_threshold(None, crops, "aligned", "model.onnx", flip=False).notes == ()


def test_a_threshold_of_photos_for_crops() -> None:
    chosen = choose_threshold(None, raw_metadata(**MEASURED), "aligned", "model.onnx", flip=False)
    assert chosen.notes == ("the threshold was measured with mtcnn+onet-1, these are crops: sface calibrate --aligned",)


def test_a_threshold_for_faces_without_mirror_images_is_a_note_where_they_are_added(
    tmp_path: Path, drawn_photos: list[Path]
) -> None:
    a = drawn_photos[0]
    measured = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**MEASURED))
    published = write_model(tmp_path / "published.onnx", metadata=raw_metadata(published_threshold=0.3))
    silent = write_model(tmp_path / "silent.onnx", metadata=raw_metadata())
    for model in (measured, published):
        (note,) = FaceVerifier(model, detector="mtcnn", flip=True).verify(a, a).notes
        assert note.startswith("the threshold is for faces without their mirror images, which are added here")
        assert FaceVerifier(model, detector="mtcnn").verify(a, a).notes == ()
        assert FaceVerifier(model, detector="mtcnn", flip=True, threshold=0.4).verify(a, a).notes == ()
    assert FaceVerifier(silent, detector="mtcnn", flip=True).verify(a, a).notes == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"published_threshold": float("nan")},
        {"published_threshold": -5.0},
        {**MEASURED, "fmr": float("nan")},
        {**MEASURED, "fmr": -3.0},
    ],
)
def test_a_threshold_that_can_not_be(fields: dict[str, object], tmp_path: Path) -> None:
    model = write_model(tmp_path / "odd.onnx", metadata=raw_metadata(**fields))
    with pytest.raises(ModelError, match=r"odd\.onnx: "):
        FaceVerifier(model, detector="mtcnn")


def test_a_name_in_a_file_that_would_steer_a_terminal(tmp_path: Path) -> None:
    model = onnx.load(write_model(tmp_path / "odd.onnx", metadata=raw_metadata(**MEASURED)))
    onnx.helper.set_model_props(model, raw_metadata().to_props() | {"sface.threshold_set": "people\n\x1b[31m"})
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"odd\.onnx: sface\.threshold_set in its metadata is no text of one line"):
        FaceVerifier(tmp_path / "odd.onnx", detector="mtcnn")
