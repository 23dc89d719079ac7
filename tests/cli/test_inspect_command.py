"""`sface inspect`: in words, as JSON, where packages are missing, and of files that hold no network."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import onnx
import pytest
from onnx import helper

from sface.cli.dispatch import main
from sface.export import inspect

from ..tiny_models import raw_metadata, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(loss="sface"))


def test_in_words(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    summary = inspect(model)
    assert out.splitlines()[:10] == [
        f"file        {model}, {summary.bytes:,} bytes",
        f"sha256      {summary.sha256}",
        "format      IR 9, opset 17, producer unknown",
        "input       input float32 (N, 3, 112, 112)",
        "output      embedding float32 (N, 16)",
        "nodes       6: Sub 1, Mul 1, Conv 1, PRelu 1, Flatten 1, MatMul 1",
        "parameters  12,426",
        "MACs        307,328 with each free axis at 1",
        "metadata    sface.format = 1",
        "metadata    sface.preprocess = raw",
    ]
    assert "metadata    sface.loss = sface" in out.splitlines()


def test_as_json(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    fields = json.loads(out)
    assert fields == json.loads(json.dumps(asdict(inspect(model))))
    assert fields["inputs"] == [{"name": "input", "dtype": "float32", "shape": ["N", 3, 112, 112]}]
    assert fields["metadata"] == raw_metadata(loss="sface").to_props()
    assert list(fields) == [
        "file",
        "bytes",
        "sha256",
        "ir_version",
        "opset",
        "producer",
        "inputs",
        "outputs",
        "nodes",
        "operators",
        "parameters",
        "macs",
        "macs_at_least",
        "external_files",
        "metadata",
    ]


def test_a_strangers_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it says can neither steer the terminal nor fill it."""
    stranger = onnx.load(model)
    helper.set_model_props(stranger, {"classes": "face, " * 1000, "title": "äöü\x1b[2J\nfile  x"})
    stranger.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    stranger.graph.node[3].domain = "com.microsoft"
    stranger.producer_name = "pytorch"
    onnx.save(stranger, model, save_as_external_data=True, location="weights.bin", size_threshold=1024)
    assert main(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "format      IR 9, opset 17, com.microsoft 1, producer pytorch"
    assert lines[5].startswith("nodes       6: Sub 1, Mul 1, Conv 1, com.microsoft.PRelu 1, ")
    assert lines[7] == "MACs        at least 301,056 with each free axis at 1"
    assert lines[-3:] == [
        "weights     also in other files, which were not read: weights.bin",
        f"metadata    classes = {('face, ' * 27)[:160]}… (6,000 characters)",
        "metadata    title = äöü\\x1b[2J\\nfile  x",
    ]


def test_what_is_no_network_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no network")
    for path in (text, tmp_path, tmp_path / "none.onnx"):
        assert main(["inspect", str(path)]) == 5
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {path}: ")
        assert err.count("\n") == 1
        assert main(["inspect", str(path), "--json"]) == 5
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "model"


def run_without(packages: list[str], model: Path) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own that can't import `packages`."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({packages!r}))\n"
        "from sface.cli.dispatch import main\n"
        "sys.exit(main(['inspect', sys.argv[1]]))"
    )
    return subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False)


def test_needs_onnx_and_neither_jittor_nor_onnxruntime(model: Path) -> None:
    done = run_without(["jittor", "onnxruntime"], model)
    assert (done.returncode, done.stderr) == (0, "")
    assert "parameters  12,426" in done.stdout
    done = run_without(["onnx"], model)
    assert done.returncode == 6
    assert done.stderr == "error: onnx is not installed: pip install 'sface[export]'\n"
