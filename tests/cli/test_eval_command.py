"""`sface eval`: figures counted again from single embeddings, every option, and calls that end with one line."""

import json
import pickle
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from sface import __version__, progress
from sface.cli.dispatch import main
from sface.evaluate import evaluation
from sface.evaluate.protocols.bin_protocol import compare_bins
from sface.evaluate.protocols.bin_sets import open_bin
from sface.evaluate.report.evaluation_file import read_evaluations
from sface.evaluate.ten_fold_verification import VerificationResult, verify
from sface.files import sha256
from sface.infer import FaceEmbedder
from sface.output import LONGEST_VALUE

from ..people_photos import draw_people, pattern, told
from ..tiny_models import DIMENSION, floats, raw_metadata, write_graph, write_model

PAIRS = 40


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(training_set="made up"))


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lfw.bin, agedb_30.bin and mine.bin: every other pair is of one person, a pattern with noise."""
    folder = tmp_path_factory.mktemp("bins")
    for seed, name in enumerate(("lfw", "agedb_30", "mine")):
        generator = np.random.default_rng(seed)
        people = [pair // 4 + side * (pair % 2) for pair in range(PAIRS) for side in range(2)]
        noise = generator.normal(0, 90, (2 * PAIRS, 112, 112, 3))
        pictures = [pattern(100 * seed + person, 0) + noise[row] for row, person in enumerate(people)]
        images = [cv2.imencode(".png", picture.clip(0, 255).astype(np.uint8))[1].tobytes() for picture in pictures]
        (folder / f"{name}.bin").write_bytes(pickle.dumps((images, [True, False] * (PAIRS // 2))))
    return folder


def write_small(path: Path) -> Path:
    """A network of crops of 96 pixels."""
    size = 96
    return write_graph(
        path,
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["y"])],
        inputs=[("x", TensorProto.FLOAT, ["N", 3, size, size])],
        outputs=[("y", TensorProto.FLOAT, ["N", DIMENSION])],
        weights={"weight": floats(3 * size * size, DIMENSION)},
        metadata=raw_metadata(input_size=size),
    )


def raw(model: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    embeddings = FaceEmbedder(model).embed(np.ascontiguousarray(crops))
    return embeddings.unit * embeddings.lengths[:, None]


def verified(model: Path, path: Path, *, flip: bool = True) -> VerificationResult:
    """A set's figures as a training has them."""
    return verify(lambda crops: raw(model, crops), open_bin(path), flip=flip)


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, fields = told(["eval", *arguments], capsys)
    assert code == 0, fields
    return fields


def test_bin_sets(model: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the usual names those that are there, in the usual order; all that says where a figure is from."""
    fields = evaluate(capsys, model, "--data", bins)
    targets = fields.pop("targets")
    assert list(targets) == ["lfw", "agedb_30"]
    for name, target in targets.items():
        expected = verified(model, bins / f"{name}.bin")
        assert target["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)
        assert target["accuracy_std"] == pytest.approx(expected.std, abs=1e-6)
        assert target["xnorm"] == pytest.approx(expected.xnorm, rel=1e-6)
        assert (target["genuine"], target["impostor"], target["failed"]) == (20, 20, 0)
        assert [point["fmr_asked"] for point in target["points"]] == []
        assert target["unsupported"][0] == {"fmr": 0.1, "impostor_pairs_needed": 30}
        assert target["at_threshold"] is None
        assert "robustness" not in target
    assert fields == {
        "model": str(model),
        "model_sha256": sha256(model),
        "protocol": "bin",
        "data": str(bins),
        "detector": "aligned",
        "flip": True,
        "provider": "CPUExecutionProvider",
        "metadata": {
            "preprocess": "raw",
            "input_size": "112",
            "embedding_size": "16",
            "input_scale": str(1 / 127.5),
            "template": "arcface-112",
            "network": "tiny",
            "training_set": "made up",
        },
        "command": f"sface eval {model} --data {bins} --json --quiet",
        "version": __version__,
    }


def test_named_sets_and_no_mirror_images(model: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = evaluate(capsys, model, "--data", bins, "--target", "mine,lfw", "--no_flip")
    assert list(fields["targets"]) == ["mine", "lfw"]
    assert fields["flip"] is False
    for name, target in fields["targets"].items():
        assert target["accuracy"] == pytest.approx(verified(model, bins / f"{name}.bin", flip=False).accuracy, abs=1e-6)
        assert target["xnorm"] == pytest.approx(verified(model, bins / f"{name}.bin", flip=False).xnorm, rel=1e-6)
        assert target["xnorm"] != pytest.approx(verified(model, bins / f"{name}.bin").xnorm, rel=1e-6)


def test_in_words(model: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(model), "--data", str(bins), "--target", "mine", "--threshold", "0.5"]) == 0
    out, err = capsys.readouterr()
    expected = verified(model, bins / "mine.bin")
    lines = out.splitlines()
    assert lines[0] == f"{model}: tiny, mirror images added"
    assert lines[1].startswith("mine: 40 pairs of mine.bin")
    assert [re.split(r"\s{2,}", line.strip())[0] for line in lines[2:-1]] == [
        *("accuracy", "EER", "FMR at the given threshold, 0.500", "FNMR at the given threshold, 0.500", "FTA")
    ]
    assert lines[2].split()[1:5] == [f"{100 * expected.accuracy:.2f}", "%", "±", f"{100 * expected.std:.2f}"]
    assert lines[-1] == "  FMR 10 % takes 30 impostor pairs, there are 20"
    assert err == ""


def test_a_published_threshold(bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "published.onnx", metadata=raw_metadata(published_threshold=0.25))
    fields = evaluate(capsys, model, "--data", bins, "--target", "lfw")
    at = fields["targets"]["lfw"]["at_threshold"]
    assert (at["threshold"], at["source"]) == (0.25, "published")


def test_several_models(model: Path, bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each as if alone; --preprocess is for the file that doesn't say its input; one report of all."""
    silent = write_model(tmp_path / "silent.onnx", normalised=False, seed=1)
    report = tmp_path / "report.html"
    call = ["--data", bins, "--target", "lfw"]
    fields = evaluate(capsys, model, silent, *call, "--preprocess", "centered", "--report", report)
    alone = evaluate(capsys, model, *call), evaluate(capsys, silent, *call, "--preprocess", "centered")
    gain = fields["models"][1]["targets"]["lfw"].pop("accuracy_gain")
    assert [each["targets"] for each in fields["models"]] == [each["targets"] for each in alone]
    assert main(["eval", str(model), str(silent), *map(str, call), "--preprocess", "centered"]) == 0
    assert "\n  accuracy gain over model.onnx  " in capsys.readouterr().out
    first, second = (each["targets"]["lfw"]["accuracy"] for each in alone)
    assert gain["value"] == pytest.approx(second - first)
    assert gain["low"] < gain["value"] < gain["high"]
    assert alone[0]["targets"] != alone[1]["targets"]
    assert [each["model"] for each in fields["models"]] == [str(model), str(silent)]
    assert fields["report"] == str(report)
    page = report.read_text(encoding="utf-8")
    assert all(
        word in page
        for word in (
            f"{100 * gain['value']:+.2f}".replace("-", "−") + " points",
            "model.onnx",
            "silent.onnx",
            fields["models"][0]["model_sha256"],
            "sface eval",
        )
    )
    assert page.count("data:image/") > 4  # crops of the worst pairs
    (tmp_path / "eval.json").write_text(json.dumps(fields))
    assert [each.model_sha256 for each in read_evaluations(tmp_path / "eval.json")] == [sha256(model), sha256(silent)]

    for models, options, words in (
        ([silent], [], "does not say what its input is"),
        ([model, silent], [], "does not say what its input is"),
        ([model], ["--preprocess", "centered"], "leave out --preprocess centered"),
        ([model, model], ["--preprocess", "centered"], "--preprocess centered: all of these take raw input; leave it"),
    ):
        assert main(["eval", *map(str, [*models, *call, *options])]) == 5
        assert words in capsys.readouterr().err


def test_figures_are_told_where_the_report_cannot_be_written(
    model: Path, bins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known before, it ends the command; found out afterwards, figures stand beside it, and a card can be made."""
    compare, measured = compare_bins, list[Any]()

    def compared(*arguments: Any, **options: Any) -> Any:
        found = compare(*arguments, **options)
        folder.rmdir()
        folder.touch()
        measured.append(found)
        return found

    folder = tmp_path / "reports"
    call = [model, "--data", bins, "--target", "lfw"]
    targets = evaluate(capsys, *call)["targets"]
    monkeypatch.setattr(evaluation, "compare_bins", compared)
    code, fields = told(["eval", *call, "--report", model / "report.html"], capsys)
    assert (code, list(fields), measured) == (6, ["error"], [])
    code, fields = told(["eval", *call, "--report", folder / "report.html"], capsys)
    assert code == 6
    assert fields["error"]["code"] == "storage"
    assert fields["targets"] == targets
    assert "report" not in fields
    (tmp_path / "eval.json").write_text(json.dumps(fields))
    assert main(["card", str(model), "--evaluation", str(tmp_path / "eval.json")]) == 0


def test_a_damaged_set_is_told_beside_the_others(
    model: Path, bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.bin").write_bytes((bins / "mine.bin").read_bytes())
    images, same = pickle.loads((bins / "lfw.bin").read_bytes())
    (tmp_path / "broken.bin").write_bytes(pickle.dumps(([*images[:30], b"no picture", *images[31:]], same)))
    (tmp_path / "friends.bin").write_bytes(pickle.dumps((images, [True] * PAIRS)))
    page = tmp_path / "report.html"
    call = ["eval", model, "--data", tmp_path, "--report", page, "--target"]
    code, fields = told([*call, "broken,mine,friends"], capsys)
    assert code == 6
    assert fields["targets"] == evaluate(capsys, *call[1:], "mine")["targets"]
    assert fields["report"] == str(page)
    assert fields["error"]["code"] == "data"
    broken = f"{tmp_path / 'broken.bin'}: image 30: not an image, or a damaged one"
    friends = "friends: has no impostor pair; error rates take pairs of both kinds"
    assert fields["error"]["message"] == f"{broken}; {friends}"
    code, fields = told([*call, "friends"], capsys)
    assert (code, fields["error"]["message"], len(fields)) == (6, friends, 1)
    other = write_model(tmp_path / "b.onnx", metadata=raw_metadata(), seed=1)
    code, fields = told([*call[:2], other, *call[2:], "broken,mine"], capsys)
    assert (code, fields["error"]["message"]) == (6, broken)
    assert ["accuracy_gain" in each["targets"]["mine"] for each in fields["models"]] == [False, True]


def test_a_network_that_overflows_is_named(bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = np.full((3 * 112 * 112, DIMENSION), 2e31, np.float32)
    huge = write_graph(
        tmp_path / "huge.onnx",
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["y"])],
        inputs=[("x", TensorProto.FLOAT, ["N", 3, 112, 112])],
        outputs=[("y", TensorProto.FLOAT, ["N", DIMENSION])],
        weights={"weight": weight},
        metadata=raw_metadata(),
    )
    assert main(["eval", str(huge), "--data", str(bins)]) == 5
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith(f"error: {huge}: gives an embedding that is not a number, or too large for one")


def test_long_metadata_are_cut(bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = raw_metadata(training_set="x" * 10**6, threshold_people=10**3999)
    model = write_model(tmp_path / "model.onnx", metadata=fields)
    found = evaluate(capsys, model, "--data", bins, "--target", "lfw")["metadata"]
    assert found["training_set"] == "x" * LONGEST_VALUE + "… (1,000,000 characters)"
    assert len(found["threshold_people"]) < 200
    assert main(["card", str(model)]) == 0
    assert len(capsys.readouterr().out) < 20_000


def test_robustness(model: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = evaluate(capsys, model, "--data", bins, "--target", "lfw", "--robustness")["targets"]["lfw"]
    clean, *degraded = target["robustness"]
    assert clean["degradation"] == "none"
    assert clean["accuracy"] == target["accuracy"]
    assert {"blur", "noise"} < {row["degradation"] for row in degraded}
    for row in degraded:
        assert row["change"]["value"] == pytest.approx(row["accuracy"] - clean["accuracy"])


def test_a_run_and_its_file(run_folder: Path, model_file: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A checkpoint gives the figures of the file that is exported from it."""
    call = ["--data", bins, "--target", "lfw"]
    trained, exported = (evaluate(capsys, path, *call) for path in (run_folder, model_file))
    target, same = (fields["targets"]["lfw"] for fields in (trained, exported))
    assert target["accuracy"] == pytest.approx(same["accuracy"], abs=1e-6)
    assert target["xnorm"] == pytest.approx(same["xnorm"], rel=1e-4)
    assert trained["model"] == str(run_folder / "step-00000012")
    assert trained["model_sha256"] == sha256(run_folder / "step-00000012" / "model.safetensors")
    assert trained["metadata"] == exported["metadata"]
    assert trained["provider"] == "Jittor"
    assert main(["eval", str(run_folder), *map(str, call), "--preprocess", "raw"]) == 2
    assert "is a checkpoint, whose input is known" in capsys.readouterr().err


def test_progress_and_robustness_in_words(
    model: Path, bins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_NOTES", -1)
    assert main(["eval", str(model), "--data", str(bins), "--target", "lfw", "--robustness"]) == 0
    out, err = capsys.readouterr()
    assert "40 of 40 pairs of lfw\n" in err
    assert "40 of 40 pairs of lfw, degraded\n" in err
    degraded = [line.split()[0] for line in out.splitlines() if line.startswith("    ")]
    assert degraded[0] == "clean" and {"blur", "noise"} < set(degraded)


def test_without_scikit_learn(
    model: Path, bins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["eval", str(model), "--data", str(bins)]) == 6
    assert capsys.readouterr().err == "error: sklearn is not installed: pip install 'sface[eval]'\n"


@pytest.mark.jittor
def test_calls_that_end_with_one_line(
    model: Path, bins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2}, photos=2)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    shutil.copy(bins / "lfw.bin", damaged)
    (damaged / "cfp_fp.bin").write_bytes((bins / "mine.bin").read_bytes()[:5000])
    (damaged / "evil.bin").write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % str(tmp_path / "harm").encode())
    small = write_small(tmp_path / "small.onnx")
    folders = ["--data", people, "--protocol", "folders"]
    for arguments, code, words in (
        ([model], 2, "--data"),
        ([model, "--data", bins, "--target", "lfw,nowhere"], 6, "nowhere.bin: can't be read"),
        ([model, "--data", bins, "--target", "lfw,,mine"], 2, "--target lfw,,mine: must be names"),
        ([model, "--data", bins, "--target", "lfw,lfw"], 2, "--target lfw,lfw: names 2 sets lfw"),
        ([model, "--data", people], 6, "holds none of lfw.bin, calfw.bin, cplfw.bin, cfp_fp.bin, agedb_30.bin"),
        ([model, "--data", tmp_path / "nowhere"], 6, "nowhere: holds none of"),
        ([model, "--data", damaged], 6, "cfp_fp.bin: not a verification set, or a damaged one"),
        ([model, "--data", damaged, "--target", "evil"], 6, "evil.bin: not a verification set, or a damaged one (it "),
        ([small, "--data", bins], 6, "lfw.bin: crops of 112 pixels for a network of 96"),
        ([model, small, "--data", bins], 2, "small.onnx: takes crops of 96 pixels"),
        ([model, "--data", bins, "--threshold", "1.5"], 2, "threshold 1.5: must be a cosine"),
        ([model, "--data", bins, "--report", "report.pdf"], 2, "report.pdf: can't be written as a report"),
        ([model, "--data", bins, "--protocol", "lfw"], 2, "--protocol"),
        ([model, "--data", bins, "--aligned"], 2, "--aligned: is for protocol lfw-photos or folders or pairs"),
        ([model, "--data", bins, "--detector", "mtcnn"], 2, "--detector: is for"),
        ([model, "--data", bins, "--list", "pairs.txt"], 2, "--list: is for protocol lfw-photos or pairs"),
        ([model, "--data", bins, "--pairs", "9"], 2, "--pairs: is for protocol folders"),
        ([model, "--data", bins, "--pairs", "0"], 2, "--pairs: is for protocol folders"),
        ([model, *folders, "--pairs", "0"], 2, "--pairs 0: must be 1 or more"),
        ([model, *folders, "--target", "lfw"], 2, "--target: is for protocol bin"),
        ([model, *folders, "--robustness"], 2, "--robustness: is for protocol bin"),
        ([model, *folders, "--aligned", "--detector", "mtcnn"], 2, "no face is looked for in aligned crops"),
        ([model, *folders, "--detector", tmp_path / "none.onnx"], 5, "none.onnx"),
        ([model, "--data", people, "--protocol", "pairs"], 6, "pairs.csv: can't be read"),
        ([model, "--data", people, "--protocol", "lfw-photos"], 6, "pairs.txt: can't be read"),
        ([model, "--data", people, "--protocol", "ijbc"], 6, "people"),
        ([model, "--data", people, "--protocol", "megaface"], 6, "people"),
        ([tmp_path / "none.onnx", "--data", bins], 5, "name an ONNX file\n"),
        ([people, "--data", bins], 5, "people: neither a checkpoint nor a run with one"),
        ([model, "--data", bins, "--providers", "abacus"], 2, "abacus"),
    ):
        assert main(["eval", *map(str, arguments), "--quiet"]) == code, arguments
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1, err
        assert words in err
    assert not (tmp_path / "harm").exists()
