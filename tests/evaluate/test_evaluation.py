"""Evaluations from Python: the same as the command's, silent, with errors as they come."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.align import photo_crops
from sface.errors import DataError, ImageError, ModelError, StorageError
from sface.evaluate import EvaluationRequest, evaluate
from sface.evaluate.report.evaluation_file import read_evaluations
from sface.output import Output

from ..child_processes import in_this_process
from ..people_photos import draw_people, pattern, told
from ..tiny_models import raw_metadata, write_model

PAIRS = 20


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


@pytest.fixture
def bins(tmp_path: Path) -> Path:
    """lfw.bin and cfp_fp.bin, whose eighth image is damaged."""
    images = [
        cv2.imencode(".png", pattern(number // 4 + number % 2 * (number // 2 % 2), number))[1].tobytes()
        for number in range(2 * PAIRS)
    ]
    folder = tmp_path / "bins"
    folder.mkdir()
    for name, eighth in (("lfw", images[8]), ("cfp_fp", b"no picture")):
        written = [*images[:8], eighth, *images[9:]]
        (folder / f"{name}.bin").write_bytes(pickle.dumps((written, [True, False] * (PAIRS // 2))))
    return folder


def test_photos_as_the_command_measures_them(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(photo_crops, "in_processes", in_this_process)
    people = draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2, "Cid": 3}, photos=3)
    command = ["eval", model, "--data", people, "--protocol", "folders", "--aligned", "--threshold", 0.5]
    code, fields = told(command, capsys)
    assert code == 0
    request = EvaluationRequest(
        [str(model)], str(people), protocol="folders", aligned=True, threshold=0.5, command=fields["command"]
    )
    evaluation = evaluate(request)
    assert capsys.readouterr() == ("", "")
    assert json.loads(json.dumps(evaluation.to_dict())) == fields
    assert evaluation.error is None and evaluation.report is None
    (entry,) = evaluation.models[0].sets
    assert entry.figures.at_threshold is not None
    assert entry.figures.at_threshold.fmr.value == fields["targets"]["people"]["at_threshold"]["fmr"]["value"]
    assert evaluation.text().splitlines()[0] == f"{model}: tiny, mirror images added"
    (tmp_path / "eval.json").write_text(json.dumps(evaluation.to_dict()))
    assert read_evaluations(tmp_path / "eval.json")[0].targets["people"].genuine == entry.figures.genuine == 9


@pytest.mark.parametrize(("measured_with", "notes"), [("mtcnn+onet-1", 0), ("mtcnn", 1)])
def test_a_threshold_measured_with_another_aligner(
    measured_with: str,
    notes: int,
    drawn_photos: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(photo_crops, "in_processes", in_this_process)
    for photo in drawn_photos:
        person = tmp_path / "people" / photo.stem[0]
        person.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, person)
    measured = raw_metadata(threshold=0.3, fmr=0.01, threshold_set="SET", aligner=measured_with)
    model = write_model(tmp_path / "model.onnx", metadata=measured)
    request = EvaluationRequest([model], tmp_path / "people", protocol="folders", detector="mtcnn", flip=False)
    evaluation = evaluate(request, Output())
    lines = [line for line in capsys.readouterr().err.splitlines() if "the threshold was measured" in line]
    assert len(lines) == notes
    assert all(f"with {measured_with}, these faces are aligned by mtcnn+onet-1: " in line for line in lines)
    assert evaluation.to_dict()["detector"] == "mtcnn"


def test_a_damaged_set_and_a_report(
    model: Path, bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    request = EvaluationRequest([model, model], bins, report=page)
    evaluation = evaluate(request, Output())
    assert capsys.readouterr().err.splitlines() == [f"{page}: shows faces, which are personal data"]
    assert [[entry.figures.name for entry in each.sets] for each in evaluation.models] == [["lfw"], ["lfw"]]
    assert isinstance(evaluation.error, DataError)
    damaged = f"{bins / 'cfp_fp.bin'}: image 8: not an image, or a damaged one"
    assert str(evaluation.error) == damaged
    fields = evaluation.to_dict()
    assert list(fields) == ["models", "report", "error"]
    assert fields["error"] == {"code": "data", "message": damaged}
    assert (evaluation.report, fields["report"]) == (page, str(page))
    assert evaluation.text().endswith(f"\nreport: {page}")
    first, second = (entry.accuracy_gain for each in evaluation.models for entry in each.sets)
    assert first is None
    assert second is not None and second.value == 0
    assert "EvaluationRequest(models=[" in fields["models"][0]["command"]


def test_what_ends_it(model: Path, bins: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cfp_fp\.bin: image 8"):
        evaluate(EvaluationRequest([model], bins, target=["cfp_fp"]))
    with pytest.raises(ModelError, match=r"none\.onnx"):
        evaluate(EvaluationRequest([tmp_path / "none.onnx"], bins))
    with pytest.raises(StorageError):
        evaluate(EvaluationRequest([model], bins, report=model / "report.html"))


def test_similarities_are_cosines_of_the_networks_embeddings(model: Path, bins: Path) -> None:
    """What an evaluation holds of each pair."""
    from sface.infer import FaceEmbedder

    (entry,) = evaluate(EvaluationRequest([model], bins, target=["lfw"], flip=False)).models[0].sets
    assert entry.pictures is not None and entry.pictures(3) is not None
    for pair in (0, 3):
        crops = np.stack(entry.pictures(pair) or ())
        first, second = FaceEmbedder(model).embed(crops).unit
        assert entry.comparisons.similarity[pair] == pytest.approx(float(first @ second), abs=1e-5)
