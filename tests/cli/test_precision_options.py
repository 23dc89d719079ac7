"""`--precision` of `sface export` and `sface optimize`: fp16 and int8 files, measured on real crops of the user's."""

import json
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from sface import __version__
from sface.cli.dispatch import main
from sface.export import read_metadata
from sface.export.parity.proof_crops import drawn_crops
from sface.export.precision import measurement
from sface.infer import FaceEmbedder
from tests.export.small_network import embed as embed_alone
from tests.export.verification_pairs import write_easy_pairs, write_pairs_for_one
from tests.paths import REPOSITORY
from tests.tiny_models import raw_metadata, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain folder of crops."""
    folder = tmp_path_factory.mktemp("crops")
    for index, crop in enumerate(drawn_crops(20, seed=7)):
        cv2.imwrite(str(folder / f"{index:02}.png"), np.ascontiguousarray(crop[:, :, ::-1]))
    return folder


@pytest.fixture(scope="module")
def eval_set(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [path.read_bytes() for path in sorted(folder.iterdir())]
    images = [picture for index in range(20) for picture in (pictures[index], pictures[index // 2])]
    path = tmp_path_factory.mktemp("bin") / "pairs.bin"
    path.write_bytes(pickle.dumps((images, [index % 2 == 0 for index in range(20)])))
    return path


def types(path: Path) -> set[int]:
    """The types of the file's larger weights."""
    return {weight.data_type for weight in onnx.load(path).graph.initializer if np.prod(weight.dims) > 500}


def embed(path: Path, **options: Any) -> np.ndarray:
    return FaceEmbedder(path, **options).embed(drawn_crops(5, seed=1)).unit


@pytest.mark.parametrize(
    ("name", "kind", "least"), [("fp16", onnx.TensorProto.FLOAT16, 0.9999), ("int8", onnx.TensorProto.INT8, 0.99)]
)
@pytest.mark.parametrize("normalised", [True, False], ids=["raw", "centered"])
def test_optimize(
    name: str, kind: int, least: float, normalised: bool, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    source, out = write_model(tmp_path / "a.onnx", normalised=normalised), tmp_path / "b.onnx"
    call = ["optimize", str(source), "-o", str(out), "--precision", name, "--calibration", str(folder), "--json"]
    assert main([*call, "--report", str(tmp_path / "r.json"), "--preprocess", "raw" if normalised else "centered"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert types(out) == {kind}
    measured = fields["precision"]
    assert (measured["precision"], measured["crops"], measured["accuracy_before"]) == (name, 10, None)
    assert least <= measured["mean_cosine"] < 1
    assert measured["milliseconds_before"] > 0 and measured["milliseconds_after"] > 0
    assert fields["after"]["size"] == out.stat().st_size < source.stat().st_size
    assert json.loads((tmp_path / "r.json").read_text())["precision"] == measured
    # Measured with the input that the network wants: what a caller gets is as near.
    expected = embed(source, preprocess="raw" if normalised else "centered")
    assert (embed(out) * expected).sum(axis=1).mean() > least
    metadata = read_metadata(out)
    assert metadata is not None and metadata.preprocess == ("raw" if normalised else "centered")


@pytest.mark.parametrize(("name", "kept"), [("fp16", True), ("int8", False)])
def test_a_measured_threshold_is_not_another_files(name: str, kept: bool, folder: Path, tmp_path: Path) -> None:
    """int8 changes the similarities; fp16 doesn't by more than rounding."""
    measured = raw_metadata(
        sface_version=__version__,
        threshold=0.4,
        fmr=0.001,
        fmr_high=0.002,
        threshold_set="them",
        aligner="mtcnn+onet-1",
        threshold_people=30,
    )
    source, out = write_model(tmp_path / "a.onnx", metadata=measured), tmp_path / "b.onnx"
    assert main(["optimize", str(source), "-o", str(out), "--precision", name, "--calibration", str(folder)]) == 0
    expected = measured if kept else measured.without_threshold()
    assert read_metadata(out) == expected
    assert (expected.threshold, expected.threshold_people, expected.aligner) == (
        (0.4, 30, "mtcnn+onet-1") if kept else (None, None, None)
    )


def test_export(run_folder: Path, folder: Path, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.onnx"
    assert main(["export", str(run_folder), "-o", str(out), "--precision", "fp16", "--calibration", str(folder)]) == 0
    assert types(out) == {onnx.TensorProto.FLOAT16}
    assert (embed(out) * embed(model_file)).sum(axis=1).mean() > 0.9999


def test_accuracy_and_what_a_person_reads(
    folder: Path, eval_set: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "SLOWER", 0.0)  # whatever the times are
    call = ["optimize", str(write_model(tmp_path / "a.onnx")), "-o", str(tmp_path / "b.onnx"), "--precision", "int8"]
    assert main([*call, "--calibration", str(folder), "--eval_set", str(eval_set)]) == 0
    *_, figures, accuracy, last = capsys.readouterr().out.splitlines()
    assert figures.startswith("int8: cosine to fp32 0.99") and "of 10 crops" in figures
    assert accuracy.startswith("pairs: accuracy ") and "→" in accuracy
    assert last.startswith("int8 is slower than fp32 on this machine")


def test_a_bound_that_is_missed_leaves_no_file(
    folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(measurement.BOUNDS, "int8", 0.999999)
    call = ["optimize", str(write_model(tmp_path / "a.onnx")), "-o", str(tmp_path / "b.onnx"), "--precision", "int8"]
    assert main([*call, "--calibration", str(folder)]) == 5
    assert "calibrate with more crops" in capsys.readouterr().err
    assert not (tmp_path / "b.onnx").exists()


def optimized(precision: str, source: Path, folder: Path, eval_set: Path, *more: str) -> Path:
    """The file that `sface optimize` writes."""
    out = source.with_name(f"{precision}.onnx")
    options = [] if precision == "fp32" else ["--calibration", str(folder), "--eval_set", str(eval_set)]
    assert main(["optimize", str(source), "-o", str(out), "--precision", precision, *options, *more]) == 0
    return out


def test_auto(folder: Path, eval_set: Path, tmp_path: Path, capsys: Any) -> None:
    """Whichever is faster on this machine: the file is that of its precision, and says what it is."""
    measured = raw_metadata(threshold=0.4, fmr=0.001, threshold_set="them", aligner="mtcnn+onet-1")
    source = write_model(tmp_path / "a.onnx", metadata=measured)
    out = optimized("auto", source, folder, eval_set, "--json", "--report", str(tmp_path / "r.json"))
    fields = json.loads(capsys.readouterr().out)
    choice = fields["choice"]
    assert fields["precision"] is None
    assert choice["written"] in ("fp32", "int8") and choice["set_name"] == "pairs"
    assert choice["milliseconds_fp32"] > 0 and choice["milliseconds_int8"] > 0
    assert choice["accuracy"]["low"] <= choice["accuracy"]["change"] <= choice["accuracy"]["high"]
    assert out.read_bytes() == optimized(choice["written"], source, folder, eval_set).read_bytes()
    metadata = read_metadata(out)
    assert metadata is not None and metadata.to_props() == fields["metadata"]
    assert json.loads((tmp_path / "r.json").read_text())["choice"] == choice
    page = (REPOSITORY / "docs" / "export.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*choice, *choice["accuracy"]))


def test_auto_does_not_trade_accuracy_for_time(folder: Path, tmp_path: Path, capsys: Any) -> None:
    """On pairs that int8 decides wrongly it writes the file of fp32, however fast the other is."""
    source = write_model(tmp_path / "a.onnx")
    easy = write_easy_pairs(tmp_path / "easy.bin", 112)
    fp32, int8 = (optimized(name, source, folder, easy) for name in ("fp32", "int8"))
    hard = write_pairs_for_one(
        tmp_path / "hard.bin",
        right=partial(embed_alone, fp32.read_bytes()),
        wrong=partial(embed_alone, int8.read_bytes()),
        size=112,
    )
    capsys.readouterr()
    assert optimized("auto", source, folder, hard).read_bytes() == fp32.read_bytes()
    first, second, last = capsys.readouterr().out.splitlines()[-3:]
    assert first.startswith("fp32: ") and first.endswith(" on hard")
    assert second.startswith("int8: ") and second.endswith(" on hard")
    assert last.startswith("fp32 was written: int8 is ")
    assert "its accuracy differs by -" in last and last.endswith("more than the 0.10 points that it may lose")


def test_auto_of_a_checkpoint(
    run_folder: Path, folder: Path, eval_set: Path, model_file: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "a.onnx"
    call = ["export", str(run_folder), "-o", str(out), "--precision", "auto", "--json"]
    assert main([*call, "--calibration", str(folder), "--eval_set", str(eval_set)]) == 0
    written = json.loads(capsys.readouterr().out)["choice"]["written"]
    assert (onnx.TensorProto.INT8 in types(out)) == (written == "int8")
    assert (out.read_bytes() == model_file.read_bytes()) == (written == "fp32")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--precision", "int8"], 2, "name their folder with --calibration"),
        (["--precision", "auto"], 2, "name them with --calibration and --eval_set"),
        (["--precision", "auto", "--calibration", "no"], 2, "name them with --calibration and --eval_set"),
        (["--precision", "auto", "--eval_set", "no.bin"], 2, "name them with --calibration and --eval_set"),
        (["--precision", "auto", "--calibration", "two", "--eval_set", "no.bin"], 6, "no.bin: can't be read"),
        (["--calibration", "."], 2, "add that or leave it out"),
        (["--eval_set", "lfw.bin"], 2, "add that or leave it out"),
        (["--precision", "fp16", "--calibration", "no"], 6, "no such folder"),
        (["--precision", "fp16", "--calibration", "one"], 2, "--calibration: needs at least 2 crops"),
        (["--precision", "fp16", "--calibration", "small"], 2, "--calibration: images of 56x56x3"),
        (["--precision", "fp16", "--calibration", "mixed"], 6, "differ in size"),
        (["--precision", "fp16", "--calibration", "bad"], 3, "bad.png"),
        (["--precision", "int8", "--calibration", "small", "--target", "opencv"], 2, "files for opencv are fp32"),
        (["--precision", "int4"], 2, "int4"),
    ],
)
def test_what_is_refused(
    options: list[str], code: int, words: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    crop = np.zeros((112, 112, 3), dtype=np.uint8)
    for name, pictures in {
        "one": [crop],
        "two": [crop] * 2,
        "small": [crop[:56, :56]] * 2,
        "mixed": [crop, crop[:56, :56]],
    }.items():
        Path(name).mkdir()
        for index, picture in enumerate(pictures):
            cv2.imwrite(f"{name}/{index}.png", picture)
    Path("bad").mkdir()
    Path("bad/bad.png").write_bytes(b"no picture")
    source = write_model(tmp_path / "a.onnx")
    try:
        found = main(["optimize", str(source), "-o", "b.onnx", *options])
    except SystemExit as exit_:
        found = exit_.code  # type: ignore[assignment]
    assert found == code
    assert words in capsys.readouterr().err
    assert not Path("b.onnx").exists()


def test_check_takes_no_options_of_a_file(run_folder: Path, model_file: Path, folder: Path, capsys: Any) -> None:
    call = ["export", "--check", str(model_file), str(run_folder)]
    for options in (["--precision", "fp16", "--calibration", str(folder)], ["--batch", "2"], ["--unit_output"]):
        assert main([*call, *options]) == 2
        assert f"--check writes no file: leave out {options[0]}" in capsys.readouterr().err
