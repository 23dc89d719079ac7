"""The one place that prints: what becomes of strange text, and of a stdout that can't be written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sface.errors import DataError
from sface.output import Output, with_option

from .tiny_models import raw_metadata, write_model

HOSTILE = "a\x1b[31m\x07b\u202ec"
SHOWN = "a\\x1b[31m\\x07b\\u202ec"


def test_what_people_read_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.result(f"{HOSTILE}\nsecond line", {})
    output.note(HOSTILE)
    output.error(DataError(f"{HOSTILE}\nof a name"))
    out, err = capsys.readouterr()
    assert out == f"{SHOWN}\nsecond line\n"
    assert err == f"{SHOWN}\nerror: {SHOWN} of a name\n"


def test_json_keeps_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).result("", {"name": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {"name": HOSTILE}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("a reason"), "a reason"),
        (DataError("detector x: unknown", path="a", argument="detector"), "a: --detector x: unknown"),
        (DataError("no face", remedy="try another detector", argument="detector"), "no face; try another --detector"),
        (
            DataError("2 faces were found", remedy="choose with faces", argument="faces"),
            "2 faces were found; choose with --faces",
        ),
        (DataError("is too small", remedy="give more", argument="s"), "is too small; give more (--param_s)"),
    ],
)
def test_an_error_names_the_option(error: DataError, text: str) -> None:
    assert with_option(error, {"s": "param_s"}) == text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_stdout_that_is_full_is_no_answer(options: list[str], drawn_photos: list[Path], tmp_path: Path) -> None:
    """Python would end with 1, which says "two people"."""
    model = write_model(tmp_path / "m.onnx", metadata=raw_metadata())
    photo = str(drawn_photos[0])
    call = [sys.executable, "-m", "sface", "verify", photo, photo, "--model", str(model), "--detector", "mtcnn"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*call, *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.splitlines()[-1] == "error: standard output: can't be written (No space left on device)"
    assert "Traceback" not in done.stderr


def test_an_argument_is_called_by_its_option_at_a_command_line() -> None:
    error = DataError("the detector is missing", path="a.jpg", remedy="give another detector", argument="detector")
    silent = DataError("is missing", argument="param_a")
    python, command = Output(), Output(options={"param_a": "a"})
    assert (python.option("faces"), command.option("faces"), command.option("param_a")) == ("faces", "--faces", "--a")
    assert python.text(error) == str(error) == "a.jpg: the detector is missing; give another detector"
    assert python.explanation(error) == "the detector is missing; give another detector"
    assert command.text(error) == "a.jpg: the detector is missing; give another --detector"
    assert command.explanation(error) == "the detector is missing; give another --detector"
    assert (python.text(silent), command.text(silent)) == ("is missing", "is missing (--a)")
