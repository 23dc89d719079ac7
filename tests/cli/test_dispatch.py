"""Dispatch, errors and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sface import errors
from sface.cli.dispatch import VERBS, main
from tests.paths import REPOSITORY


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit) as end:
            main([verb, "--help"])
        assert end.value.code == 0
        assert f"usage: sface {verb}" in capsys.readouterr().out


def test_help_loads_no_large_library() -> None:
    """A process of its own: this one has loaded them."""
    code = f"""
import contextlib, sys
from sface.cli.dispatch import main
for verb in {tuple(VERBS)!r}:
    with contextlib.suppress(SystemExit):
        main([verb, "--help"])
    assert not {{"numpy", "cv2", "onnx", "onnxruntime", "jittor"}} & set(sys.modules), verb
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_verb_and_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "verify" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["trian"])
    assert end.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sface 0.")


@pytest.mark.jittor
def test_an_error_is_one_line_and_the_codes_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", str(tmp_path / "no"), "-o", str(tmp_path / "m.onnx")]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert lines == [f"error: {tmp_path / 'no'}: there is no such checkpoint folder"]


@pytest.mark.jittor
def test_an_error_as_json_is_alone_on_stdout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", str(tmp_path / "no"), "-o", str(tmp_path / "m.onnx"), "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "checkpoint"


def test_the_error_tree() -> None:
    """Codes that programs go by: they may grow, not change."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SFaceError)]
    tree = {kind.__name__: (kind.code, kind.exit_code) for kind in kinds}
    assert tree == {
        "SFaceError": ("error", 6),
        "UsageError": ("usage", 2),
        "ImageError": ("bad_image", 3),
        "NoFaceError": ("no_face", 4),
        "SeveralFacesError": ("several_faces", 4),
        "DownloadError": ("download", 5),
        "ModelError": ("model", 5),
        "CheckpointError": ("checkpoint", 5),
        "PreprocessError": ("preprocess", 5),
        "ParityError": ("parity", 5),
        "DataError": ("data", 6),
        "DivergedError": ("diverged", 6),
        "DependencyError": ("dependency", 6),
        "StorageError": ("storage", 6),
    }


def test_the_table_of_exit_codes_in_the_documentation_is_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SFaceError)]
    page = (REPOSITORY / "docs" / "verify.md").read_text(encoding="utf-8")
    table = {
        int(number): set(re.findall(r"`(\w+)`", codes))
        for number, codes in re.findall(r"^\| (\d) \| (.*?) \|", page, re.M)
    }
    assert table == {
        0: set(),
        1: set(),
        **{number: {kind.code for kind in kinds if kind.exit_code == number} for number in range(2, 7)},
    }
