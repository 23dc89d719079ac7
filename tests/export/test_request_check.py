"""What is refused before a package is imported or a file is read."""

import subprocess
import sys
from pathlib import Path

import pytest

from sface.cli.dispatch import main
from sface.errors import UsageError
from sface.export.request_check import check_request
from sface.export.targets import ONNXRUNTIME, OPENCV


def test_what_can_be_asked_for(tmp_path: Path) -> None:
    assert check_request(tmp_path / "a.onnx", "opencv") is OPENCV
    assert check_request(tmp_path / "a.onnx", "onnxruntime", "int8", batch=1) is ONNXRUNTIME


@pytest.mark.parametrize(
    ("target", "precision", "batch", "message"),
    [
        ("foo", "fp32", None, "target foo: must be one of onnxruntime, opencv"),
        ("opencv", "int8", None, "files for opencv are fp32, not int8; leave out target"),
        ("onnxruntime", "fp32", 0, "batch 0: must be 1 or more"),
    ],
)
def test_what_can_not(target: str, precision: str, batch: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        check_request(tmp_path / "a.onnx", target, precision, batch=batch)
    with pytest.raises(UsageError, match="is a folder; name the file"):
        check_request(tmp_path, "opencv")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "."], "is a folder"),
        (["-o", "a.onnx", "--target", "foo"], "--target foo"),
        (["-o", "a.onnx", "--target", "opencv"], "leave out --target"),
    ],
)
def test_commands_say_so_before_they_read_crops(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--precision", "int8", "--calibration", "/no/such/folder"]
    for verb in ("optimize", "export"):
        assert main([verb, "a", *words, *more]) == 2
        assert message in capsys.readouterr().err


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, sface.export.request_check\n"
        "print({'numpy', 'onnx', 'onnx_ir', 'onnxruntime', 'jittor'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
