"""`sface calibrate`: the threshold that it writes, counted again, and calls that must leave the file as it was."""

import json
import re
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.cli.dispatch import face_verify, main
from sface.errors import ModelError
from sface.export import read_metadata
from sface.infer import FaceEmbedder, FaceVerifier, Verification
from sface.model_files.metadata import from_props

from ..tiny_models import raw_metadata, write_model, write_published_sface

PEOPLE, PHOTOS = 12, 3


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(loss="sface"))


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A folder of twelve people with three crops each: a person is a pattern, a crop that pattern with noise."""
    generator = np.random.default_rng(0)
    for person in range(PEOPLE):
        pattern = generator.uniform(0, 255, (7, 7, 3))
        folder = tmp_path / "crops" / f"person {person:02}"
        folder.mkdir(parents=True)
        for number in range(PHOTOS):
            noisy = (pattern + generator.normal(0, 60, pattern.shape)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(noisy, (112, 112), interpolation=cv2.INTER_CUBIC))
    return tmp_path / "crops"


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def recount(model: Path, folder: Path) -> tuple[list[float], list[float]]:
    """Similarities of all impostor and all genuine pairs, each face embedded by itself."""
    embedder = FaceEmbedder(model)
    faces = [(path.parent.name, embedder.embed(read(path)[None]).unit[0]) for path in sorted(folder.rglob("*.png"))]
    scores: tuple[list[float], list[float]] = ([], [])
    for (name_a, a), (name_b, b) in combinations(faces, 2):
        scores[name_a == name_b].append(float(a.astype(np.float64) @ b.astype(np.float64)))
    return scores


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out)
    return fields


@pytest.mark.parametrize("fmr", [0.01, 0.0051, 0.2])
def test_the_threshold_counted_again(model: Path, crops: Path, fmr: float, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", str(fmr), "--aligned", "--json"]) == 0
    fields = as_json(capsys)
    impostor, genuine = recount(model, crops)
    threshold = fields["threshold"]
    assert fields["impostor_pairs"] == len(impostor) == 594
    assert fields["genuine_pairs"] == len(genuine) == 36
    assert fields["fmr"] == sum(score >= threshold for score in impostor) / 594 == int(fmr * 594) / 594
    assert fields["fnmr"] == sum(score < threshold for score in genuine) / 36
    assert fields["faces"] == 36
    assert fields["unreadable"] == fields["faceless"] == 0
    assert 0 <= fields["fmr_low"] < fields["fmr"] < fields["fmr_high"] < 1
    assert 0 <= fields["fnmr_low"] <= fields["fnmr"] < fields["fnmr_high"] <= 1
    rates = {name: fields[name] for name in ("fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")}
    assert read_metadata(model) == raw_metadata(
        loss="sface",
        threshold=threshold,
        **rates,
        threshold_set="crops",
        aligner="aligned",
        threshold_people=12,
        threshold_impostor_pairs=594,
        threshold_genuine_pairs=36,
    )
    assert model.read_bytes() != before
    assert fields["model_sha256"] == FaceEmbedder(model).sha256


def test_in_words(model: Path, crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "1e-2", "--aligned"]) == 0
    out, err = capsys.readouterr()
    rate = r"[\d.]+ % \[[\d.]+ to [\d.]+ %\]"
    assert re.fullmatch(
        rf"threshold 0\.\d{{3}} for FMR 1 % \(measured {rate} of 594 impostor pairs; FNMR {rate} of 36 genuine pairs; "
        rf"intervals of 95 % over 12 people\) on the crops of crops, written to {model}\n",
        out,
    )
    assert "(measured 0.84 % [" in out
    assert err == ""


def test_a_second_calibration_takes_the_place_of_the_first(
    model: Path, crops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for fmr in ("0.2", "0.01"):
        assert main(["calibrate", str(model), "--data", str(crops), "--fmr", fmr, "--aligned", "--json"]) == 0
    written = read_metadata(model)
    assert written is not None
    assert written.fmr == pytest.approx(5 / 594)


def test_a_set_with_a_list_gives_the_same(model: Path, crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--fmr", "0.01", "--json"]
    assert main(["calibrate", str(model), "--data", str(crops), "--aligned", *options]) == 0
    expected = as_json(capsys)["threshold"]
    people = sorted(crops.iterdir())
    lines = [
        f"{path.relative_to(crops)}\t{label}"
        for label, person in enumerate(people)
        for path in sorted(person.iterdir())
    ]
    (crops / "imgs.txt").write_text("\n".join(lines))
    (crops / "property").write_text(f"{PEOPLE},112,112")
    assert main(["calibrate", str(model), "--data", str(crops), *options]) == 0
    fields = as_json(capsys)
    assert fields["threshold"] == expected
    assert fields["aligner"] == "aligned"

    (crops / "property").write_text(f"{PEOPLE},96,96")
    assert main(["calibrate", str(model), "--data", str(crops), *options]) == 6
    assert "96 pixels" in capsys.readouterr().out


def test_photos_with_a_published_network(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lfw = shared / "photos" / "lfw"
    people = [folder for folder in sorted(lfw.iterdir()) if folder.is_dir() and len(list(folder.iterdir())) > 1][:8]
    for person in people:
        for path in sorted(person.iterdir())[:2]:
            target = tmp_path / "people" / person.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (tmp_path / "people" / people[0].name / "text.jpg").write_text("not a photo")
    cv2.imwrite(str(tmp_path / "people" / people[1].name / "wall.png"), np.full((99, 99, 3), 90, dtype=np.uint8))
    model = write_published_sface(shared, tmp_path / "sface.onnx")
    call = ["calibrate", str(model), "--data", str(tmp_path / "people"), "--fmr", "0.03", "--detector", "mtcnn"]

    assert main(call) == 5
    assert "--preprocess raw" in capsys.readouterr().err
    assert main([*call, "--preprocess", "raw"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith(
        "skipped of 18 pictures: 1 unreadable or no crops, 1 without a face; the first"
    )
    assert "%] of 112 impostor pairs" in out
    assert "%] of 8 genuine pairs; intervals of 95 % over 8 people) on people with mtcnn+onet-1, written to" in out
    written = read_metadata(model)
    assert written is not None and written.threshold is not None
    assert 0.1 < written.threshold < 0.45
    assert (written.preprocess, written.input_size, written.embedding_size) == ("raw", 112, 128)
    assert (written.threshold_set, written.aligner, written.fmr) == ("people", "mtcnn+onet-1", 3 / 112)

    photos = [str(path) for path in sorted((tmp_path / "people" / people[2].name).iterdir())]
    assert face_verify([*photos, "--model", str(model), "--detector", "mtcnn"]) == 0
    assert "threshold for FMR 2.68 % measured on people" in capsys.readouterr().out


def test_calls_that_must_leave_the_file_as_it_was(
    model: Path, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    other_size = tmp_path / "other size"
    for number in range(4):
        path = other_size / str(number // 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((250, 250, 3), dtype=np.uint8))
    text = tmp_path / "text.onnx"
    text.write_text("no network")
    before = model.read_bytes()
    for arguments, code, words in (
        ([model, "--data", crops, "--fmr", "0.005", "--aligned"], 6, "takes 600 impostor pairs or more"),
        (
            [model, "--data", crops, "--fmr", "0.01", "--detector", "mtcnn"],
            6,
            "none of its 36 pictures can be used; the",
        ),
        ([model, "--data", crops, "--fmr", "9e-7", "--aligned"], 2, "--fmr 9e-07: must be from 1e-06"),
        ([model, "--data", crops, "--fmr", "0", "--aligned"], 2, "--fmr 0"),
        ([model, "--data", crops, "--fmr", "1", "--aligned"], 2, "--fmr 1"),
        ([model, "--data", crops, "--fmr", "nan", "--aligned"], 2, "--fmr nan"),
        ([model, "--data", crops, "--fmr", "0.01", "--aligned", "--detector", "mtcnn"], 2, "holds crops"),
        ([model, "--data", tmp_path / "nowhere", "--fmr", "0.01"], 6, "no such folder"),
        ([model, "--data", tmp_path / "empty", "--fmr", "0.01"], 6, "photos of 0 people"),
        ([model, "--data", other_size, "--fmr", "0.8", "--aligned"], 6, "250x250 pixels, not a crop of 112x112"),
        ([model, "--data", crops, "--fmr", "0.01", "--detector", text], 5, "text.onnx"),
        ([text, "--data", crops, "--fmr", "0.01", "--aligned"], 5, "text.onnx"),
        ([tmp_path / "none.onnx", "--data", crops, "--fmr", "0.01", "--aligned"], 5, "none.onnx"),
    ):
        assert main(["calibrate", *map(str, arguments), "--quiet"]) == code, arguments
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert words in err
    assert model.read_bytes() == before


def test_a_list_without_its_property_is_not_taken_for_photos(
    model: Path, crops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (crops / "imgs.txt").write_text("a.png 0\n")
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "0.01"]) == 6
    assert "property: missing" in capsys.readouterr().err


def test_a_picture_that_is_no_crop_is_left_out(model: Path, crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["calibrate", str(model), "--data", str(crops), "--fmr", "0.01", "--aligned", "--json"]
    assert main(call) == 0
    expected = as_json(capsys)
    cv2.imwrite(str(crops / "person 03" / "large.png"), np.zeros((250, 250, 3), dtype=np.uint8))
    assert main(call) == 0
    out, err = capsys.readouterr()
    fields = json.loads(out)
    assert fields.pop("unreadable") == 1
    assert {**fields, "unreadable": 0, "model_sha256": expected["model_sha256"]} == expected
    assert err.startswith("skipped of 37 pictures: 1 unreadable or no crops, 0 without a face; the first: ")
    assert "large.png: 250x250 pixels, not a crop of 112x112" in err


def test_too_few_pairs_are_told_before_anything_is_embedded(
    model: Path, crops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in crops.rglob("*.png"):
        path.write_text("not to be opened")
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "1e-6", "--aligned"]) == 6
    assert capsys.readouterr().err == (
        f"error: {crops}: a false match rate of 1e-06 takes 3,000,000 impostor pairs or more to measure, its 36 faces "
        "of 12 people make 594; take a larger set, of about 2,451 faces (817 people with 3 each), or --fmr 0.0051\n"
    )
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "0.0051", "--aligned"]) == 6
    assert "none of its 36 pictures can be used" in capsys.readouterr().err


def test_faces_are_embedded_as_face_verify_does_by_default(
    model: Path, crops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without mirror images: the pair that is at the threshold has the similarity that face-verify gives it."""
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "0.01", "--aligned", "--json"]) == 0
    threshold = as_json(capsys)["threshold"]
    verifier = FaceVerifier(model, aligned=True)
    assert verifier.threshold == threshold
    people = {person: sorted(person.iterdir()) for person in sorted(crops.iterdir())}
    pairs = [(a, b) for one, other in combinations(people, 2) for a in people[one] for b in people[other]]
    decisions = [each for each in verifier.verify_many(pairs) if isinstance(each, Verification)]
    assert sum(decision.same for decision in decisions) == 5 == int(0.01 * len(decisions))


def test_the_interval_comes_with_every_answer(model: Path, crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(model), "--data", str(crops), "--fmr", "0.01", "--aligned", "--json"]) == 0
    fields = as_json(capsys)
    photo = str(next(crops.rglob("*.png")))
    assert face_verify([photo, photo, "--model", str(model), "--aligned", "--json"]) == 0
    assert as_json(capsys)["fmr_interval"] == [fields["fmr_low"], fields["fmr_high"]]
    assert main(["inspect", str(model)]) == 0
    assert f"metadata    sface.fmr_high = {fields['fmr_high']}" in capsys.readouterr().out


OLDER = {"threshold": 0.3, "fmr": 0.01, "threshold_set": "SET", "aligner": "aligned"}
WHOLE = OLDER | {
    "fmr_low": 0.005,
    "fmr_high": 0.02,
    "fnmr": 0.1,
    "fnmr_low": 0.1,
    "fnmr_high": 0.2,
    "threshold_people": 12,
    "threshold_impostor_pairs": 594,
    "threshold_genuine_pairs": 36,
}


@pytest.mark.parametrize("fields", [{}, OLDER, WHOLE], ids=["none", "older", "whole"])
def test_files_with_and_without_an_interval_are_read(fields: dict[str, object], tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", metadata=raw_metadata(**fields))
    assert read_metadata(path) == raw_metadata(**fields)
    verifier = FaceVerifier(path, aligned=True)
    assert verifier.threshold == fields.get("threshold", 0.36)
    assert verifier.threshold_details.fmr_interval == ((0.005, 0.02) if "fmr_low" in fields else None)


@pytest.mark.parametrize(
    "field",
    [
        *({"fmr": value} for value in (-0.01, 1.5, 0.03, 0.001, float("nan"))),
        *({"fmr_low": value} for value in (-1.0, 0.011, float("nan"))),
        *({"fmr_high": value} for value in (0.009, 1.01, float("inf"))),
        *({"fnmr": value} for value in (0.09, 0.21, float("nan"))),
        *({"threshold_people": 0}, {"threshold_impostor_pairs": -1}, {"threshold_genuine_pairs": 0}),
    ],
    ids=str,
)
def test_what_can_not_have_been_measured_is_refused_and_can_be_measured_again(
    field: dict[str, object], crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_model(tmp_path / "model.onnx", metadata=raw_metadata(**(WHOLE | field)))
    with pytest.raises(ModelError, match=r"model\.onnx: .* run sface calibrate again"):
        FaceVerifier(path, aligned=True)
    assert main(["calibrate", str(path), "--data", str(crops), "--fmr", "0.01", "--aligned"]) == 0
    FaceVerifier(path, aligned=True)


@pytest.mark.parametrize("text", ["", "many", "1.5", "0x1"])
def test_metadata_that_are_no_counts(text: str, tmp_path: Path) -> None:
    props = raw_metadata(**WHOLE).to_props() | {"sface.threshold_people": text}
    with pytest.raises(ModelError, match="its metadata are damaged"):
        from_props(props, "model.onnx")
