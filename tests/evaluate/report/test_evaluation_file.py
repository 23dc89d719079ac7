"""What `sface eval --json` prints, read again: all of it, and nothing that is damaged or something else."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sface.errors import DataError
from sface.evaluate.report.evaluation_file import LARGEST, read_evaluations

from ..evaluations import SHA256, read_evaluation, write_evaluations


def test_several_models_in_one_file(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    other = {**evaluated, "model_sha256": "cd" * 32}
    found = read_evaluations(write_evaluations(tmp_path / "eval.json", {"models": [other, evaluated]}))
    assert [each.model_sha256 for each in found] == ["cd" * 32, SHA256]


def damaged(evaluated: dict[str, Any], *place: Any, value: Any) -> Any:
    values = json.loads(json.dumps(evaluated))
    inner = values
    for name in place[:-1]:
        inner = inner[name]
    if value is KeyError:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return values


LFW = ("targets", "lfw")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("model_sha256",), KeyError, "model_sha256 is missing"),
        (("flip",), 1, "flip is not true or false"),
        (("command",), None, "command is not a text"),
        (("targets",), [], "targets is not an object"),
        (("targets",), {str(number): {} for number in range(1001)}, "targets has more than 1000 entries"),
        ((*LFW, "eer", "value"), "0.1", "targets.lfw.eer.value is not a number from -1 to 1"),
        ((*LFW, "eer", "low"), float("nan"), "targets.lfw.eer.low is not a number"),
        ((*LFW, "auc"), float("inf"), "targets.lfw.auc is not a number"),
        ((*LFW, "accuracy"), True, "targets.lfw.accuracy is not a number"),
        ((*LFW, "accuracy_interval"), [0.1], "targets.lfw.accuracy_interval has 1 entries, not 2"),
        ((*LFW, "genuine"), 1.5, "targets.lfw.genuine is not a count"),
        ((*LFW, "genuine"), -1, "targets.lfw.genuine is not a count"),
        ((*LFW, "genuine"), 10**400, "targets.lfw.genuine is not a count"),
        ((*LFW, "at_threshold", "source"), "guessed", "at_threshold.source is not one of given, file, published"),
        ((*LFW, "points"), {}, "targets.lfw.points is not a list"),
        ((*LFW, "points", 0), None, "targets.lfw.points.0 is not an object"),
        ((*LFW, "points", 0, "fmr", "errors"), KeyError, "targets.lfw.points.0.fmr.errors is missing"),
        ((*LFW, "accuracy"), -0.5, "targets.lfw.accuracy is no share, from 0 to 1"),
        ((*LFW, "accuracy"), 0.0, "targets.lfw.accuracy is outside of its interval"),
        ((*LFW, "accuracy_interval"), [0.1, 0.0], "targets.lfw.accuracy is outside of its interval"),
        ((*LFW, "auc"), -0.5, "targets.lfw.auc is no share"),
        ((*LFW, "eer", "value"), 1.0, "targets.lfw.eer.value is outside of its interval"),
        ((*LFW, "eer", "low"), -0.5, "targets.lfw.eer is no share"),
        ((*LFW, "fta", "high"), 0.0, "targets.lfw.fta.value is outside of its interval"),
        ((*LFW, "fta", "errors"), 5000, "targets.lfw.fta.value is not errors / count"),
        ((*LFW, "fta", "errors"), 3, "targets.lfw.fta.value is not errors / count"),
        ((*LFW, "points", 0, "fmr_asked"), -1, "targets.lfw.points.0.fmr_asked is no share"),
        ((*LFW, "unsupported", 0, "fmr"), -1, "targets.lfw.unsupported.0.fmr is no share"),
        (("targets", "x\x1b[2J\n" + "y" * 300), 1, "targets.x\\\\x1b[2J\\\\n"),
    ],
)
def test_a_damaged_file(
    place: tuple[Any, ...], value: Any, words: str, tmp_path: Path, evaluated: dict[str, Any]
) -> None:
    path = write_evaluations(tmp_path / "eval.json", damaged(evaluated, *place, value=value))
    with pytest.raises(DataError) as error:
        read_evaluations(path)
    assert str(error.value).startswith(f"{path}: not what sface eval --json prints (")
    assert words.replace("\\\\", "\\") in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "not an object"),
        (b"[" * 100_000, "recursion|Expecting value"),
        (b'{"models": {}}', "models is not a list"),
        (b'{"error": {"code": "data", "message": "x"}}', "an error in place of figures"),
        (b"\xff\xfe\x00", "decode"),
        (b" " * (LARGEST + 1), "more than"),
    ],
    ids=["empty", "list", "deep", "models", "error", "bytes", "large"],
)
def test_a_file_of_something_else(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "eval.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as error:
        read_evaluations(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path, Path("a\0b")):
        with pytest.raises(DataError, match="can't be read"):
            read_evaluations(path)


def test_all_that_figures_print_of_pairs_and_rates_is_read(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    """So that a figure that is added to them is not left out of the card unnoticed."""
    not_in_a_card = {"eer_threshold", "xnorm", "interval", "accuracy_threshold"}
    (target,) = read_evaluation(tmp_path / "eval.json", evaluated).targets.values()
    names = {field.name for field in dataclasses.fields(target)}
    assert set(evaluated["targets"]["lfw"]) - not_in_a_card == names - {"robustness"}
