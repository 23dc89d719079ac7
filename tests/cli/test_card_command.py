"""`sface card`: of a calibrated file and of a published one, with and without evaluations, and what it refuses."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface import __version__, files
from sface.cli.dispatch import main

from ..evaluate.evaluations import printed_evaluation, write_evaluations
from ..tiny_models import raw_metadata, write_model

CALIBRATED = {"threshold": 0.3, "fmr": 0.01, "threshold_set": "SET", "aligner": "mtcnn+onet-1", "threshold_people": 12}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(loss="sface", training_set="SET", **CALIBRATED))


def test_on_stdout(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    assert main(["card", str(model)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(
        f"# model.onnx\n\nWritten by `sface card` (sface {__version__}) from what the file says of itself"
    )
    for line in (
        "| network | tiny |",
        f"| size | {len(before):,} bytes, 12,426 parameters |",
        "| multiply-accumulates | 307,328 with each free axis at 1 |",
        "| input | input float32 (N, 3, 112, 112) |",
        "| output | embedding float32 (N, 16) |",
        f"| sha256 | {files.sha256(model)} |",
        "| training set | SET |",
        "| false match rate | 1.00 % | not known | impostor pairs: not known |",
    ):
        assert line in out.splitlines()
    assert out.endswith("```\n")
    assert model.read_bytes() == before


def test_as_json_and_as_a_file(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(model)]) == 0
    text = capsys.readouterr().out
    assert main(["card", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"card": text}
    card = tmp_path / "folder" / "card.md"
    for _ in range(2):  # the second in place of the first
        assert main(["card", str(model), "-o", str(card)]) == 0
        assert capsys.readouterr().out == f"{card}: the card of {model}\n"
        assert card.read_text(encoding="utf-8") == text
    assert main(["card", str(model), "-o", str(card), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(card)}


def test_evaluations_of_this_file_and_of_no_other(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    this = printed_evaluation(model_sha256=files.sha256(model))
    figures = this["targets"]["lfw"]
    one = write_evaluations(tmp_path / "one.json", this)
    other = {**this, "model_sha256": "cd" * 32, "targets": {"other": figures}}
    again = {**this, "flip": False, "targets": {"cfp_fp": figures}}
    both = write_evaluations(tmp_path / "both.json", {"models": [other, again]})
    assert main(["card", str(model), "--evaluation", str(one), "--evaluation", str(both)]) == 0
    out = capsys.readouterr().out
    assert "From one.json, measured" in out
    assert "From both.json, measured" in out
    assert [line for line in out.splitlines() if line.startswith("### ")] == ["### lfw", "### cfp\\_fp"]

    assert main(["card", str(model), "--evaluation", str(write_evaluations(tmp_path / "other.json", other))]) == 6
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'other.json'}: measured on another file (sha256 cdcdcdcdcdcd..., model.onnx has "
        f"{files.sha256(model)[:12]}...); run sface eval on this one, after sface calibrate, which changes it\n"
    )


def test_what_eval_prints_is_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    crops = np.repeat(generator.integers(0, 256, (20, 112, 112, 3), dtype=np.uint8), 2, axis=0)
    crops[2::4] = crops[0]  # every second pair is of two people
    encoded = [cv2.imencode(".png", crop)[1].tobytes() for crop in crops]
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps((encoded, [True, False] * 10)))
    assert main(["eval", str(model), "--data", str(tmp_path), "--robustness", "--no_flip", "--json"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "eval.json").write_text(printed)
    assert main(["card", str(model), "--evaluation", str(tmp_path / "eval.json")]) == 0
    out = capsys.readouterr().out
    assert "From eval.json, measured" in out
    assert "without mirror images, with" in out
    assert json.loads(printed)["command"] in out
    assert "| 10-fold accuracy | 100 % ± 0 %, the folds' deviation |" in out
    assert "| blur sigma 4 px | " in out


def test_a_published_network(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "network.onnx"
    shutil.copy(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx", model)
    assert main(["card", str(model)]) == 0
    out = capsys.readouterr().out
    assert "from what is known of this published file." in out
    assert "| network | OpenCV SFace 2021dec |" in out
    assert "recommends 0.363, a cosine, for which no rate is known" in out
    assert "\nApache-2.0, as its publisher states on https://github.com/opencv/opencv_zoo/" in out


def test_what_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no network")
    damaged = write_model(tmp_path / "damaged.onnx", metadata=raw_metadata(**{**CALIBRATED, "threshold": 2.0}))
    no_json = tmp_path / "no.json"
    no_json.write_text("accuracy: 99 %")
    strange = write_evaluations(tmp_path / "strange.json", printed_evaluation(model_sha256="x\x1b[2J\n"))
    existing = tmp_path / "card.md"
    existing.write_text("mine")
    for arguments, code, words in (
        ([text], 5, "text.onnx"),
        ([tmp_path / "none.onnx"], 5, "none.onnx"),
        ([damaged], 5, "run sface calibrate again"),
        ([model, "-o", tmp_path / "card.onnx"], 2, "end its name in .md"),
        ([model, "--evaluation", no_json, "-o", existing], 6, "no.json: not what sface eval --json prints"),
        ([model, "--evaluation", tmp_path / "none.json"], 6, "none.json: can't be read"),
        ([model, "--evaluation", strange], 6, "strange.json: measured on another file (sha256 x\\x1b[2J\\n"),
    ):
        assert main(["card", *map(str, arguments)]) == code, arguments
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert words in err
        assert err.rstrip("\n").isprintable()
    assert existing.read_text() == "mine"


def test_needs_onnx_and_neither_jittor_nor_onnxruntime(model: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['jittor', 'onnxruntime', 'sklearn', 'matplotlib', 'scipy']))\n"
        "from sface.cli.dispatch import main\n"
        "sys.exit(main(['card', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| network | tiny |" in done.stdout
