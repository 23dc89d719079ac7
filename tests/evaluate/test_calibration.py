"""Calibrating a model file from Python; the figures are counted again in tests/cli/test_calibrate_command.py."""

from pathlib import Path

import pytest

from sface.align import photo_crops
from sface.errors import DataError, UsageError
from sface.evaluate import calibrate
from sface.export.onnx_files.onnx_metadata import read_metadata
from sface.files import sha256
from sface.infer import FaceVerifier
from sface.output import Output

from ..child_processes import in_this_process
from ..people_photos import draw_people
from ..tiny_models import raw_metadata, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five people with three crops each, which make 90 impostor pairs."""
    monkeypatch.setattr(photo_crops, "in_processes", in_this_process)
    return draw_people(tmp_path / "people", {f"P{number}": number for number in range(5)}, photos=3)


def test_the_threshold_is_written(model: Path, people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (people / "P0" / "damaged.png").write_text("no photo")
    calibration = calibrate(str(model), str(people), 0.1, aligned=True)
    assert capsys.readouterr() == ("", "")
    measured, written = calibration.measured, read_metadata(model)
    assert written is not None
    assert (written.threshold, written.fmr, written.fnmr_high) == (
        measured.threshold,
        measured.fmr.value,
        measured.fnmr.high,
    )
    assert (written.threshold_set, written.aligner, written.threshold_people) == ("people", "aligned", 5)
    fields = calibration.to_dict()
    assert (fields["faces"], fields["unreadable"], fields["faceless"], fields["impostor_pairs"]) == (15, 1, 0, 90)
    assert (fields["model"], fields["model_sha256"]) == (str(model), sha256(model))
    assert calibration.text().startswith(f"threshold {measured.threshold:.3f} for FMR 10 % (measured ")
    calibrate(model, people, 0.1, aligned=True, output=Output())
    assert capsys.readouterr().err.startswith("skipped of 16 pictures: 1 unreadable or no crops, 0 without a face")


def test_errors_name_the_argument(model: Path, people: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(UsageError, match=r"^fmr 2: must be from 1e-06 to below 1") as usage:
        calibrate(model, people, 2, aligned=True)
    assert usage.value.argument == "fmr"
    with pytest.raises(UsageError, match=r"^detector mtcnn: .*people holds crops") as usage:
        calibrate(model, people, 0.1, aligned=True, detector="mtcnn")
    assert usage.value.argument == "detector"
    with pytest.raises(DataError, match=r"people: a false match rate of 0\.01 .*, or fmr 0\.034") as data:
        calibrate(model, people, 0.01, aligned=True)
    assert (data.value.path, data.value.argument) == (str(people), "fmr")
    assert model.read_bytes() == before


def test_the_aligner_of_a_set_of_crops(model: Path, people: Path) -> None:
    """As `sface align` writes it: photos whose faces the same detector finds get no note."""
    crops = [path.relative_to(people) for path in sorted(people.glob("*/*"))]
    (people / "imgs.txt").write_text("".join(f"{path}\t{path.parent.name[1:]}\n" for path in crops))
    (people / "property").write_text("5,112,112\n")
    assert calibrate(model, people, 0.1).aligner == "aligned"
    (people / "aligner.txt").write_text("mtcnn+onet-1\n")
    calibration, written = calibrate(model, people, 0.1), read_metadata(model)
    assert calibration.aligner == calibration.to_dict()["aligner"] == "mtcnn+onet-1"
    assert " over 5 people) on people with mtcnn+onet-1, written to " in calibration.text()
    assert written is not None and written.aligner == "mtcnn+onet-1"
    assert FaceVerifier(model, detector="mtcnn").threshold_details.notes == ()
    before = model.read_bytes()
    (people / "aligner.txt").write_text("mtcnn+onet-1\nyunet+onet-1\n")
    with pytest.raises(DataError, match=r"people/aligner\.txt: holds no aligner's name in one line; write"):
        calibrate(model, people, 0.1)
    assert model.read_bytes() == before
