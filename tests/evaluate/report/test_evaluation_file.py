"""What `sface eval --json` prints, read again: all of it, and nothing that is damaged or something else."""

import json
from pathlib import Path
from typing import Any

import msgspec
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
        (("model_sha256",), KeyError, "it: Object missing required field `model_sha256`"),
        (("flip",), 1, "flip: Expected `bool`, got `int`"),
        (("command",), None, "command: Expected `str`, got `null`"),
        (("targets",), [], "targets: Expected `object`, got `array`"),
        (("targets",), {str(number): {} for number in range(1001)}, "targets: Expected `object` of length <= 1000"),
        ((*LFW, "eer", "value"), "0.1", "targets.lfw.eer.value: Expected `float`, got `str`"),
        ((*LFW, "eer", "low"), float("nan"), "targets.lfw.eer.low: Expected `float` >= -1.0"),
        ((*LFW, "auc"), float("inf"), "targets.lfw.auc: Expected `float` <= 1.0"),
        ((*LFW, "auc"), 10**400, "targets.lfw.auc: Number out of range"),
        ((*LFW, "accuracy"), True, "targets.lfw.accuracy: Expected `float | null`, got `bool`"),
        ((*LFW, "accuracy_interval"), [0.1], "targets.lfw.accuracy_interval: Expected `array` of length 2, got 1"),
        ((*LFW, "genuine"), 1.5, "targets.lfw.genuine: Expected `int`, got `float`"),
        ((*LFW, "genuine"), -1, "targets.lfw.genuine: Expected `int` >= 0"),
        ((*LFW, "genuine"), 10**400, "targets.lfw.genuine: Expected `int` <= 11529215046068"),
        ((*LFW, "at_threshold", "source"), "guessed", "at_threshold.source: Invalid enum value 'guessed'"),
        ((*LFW, "at_threshold", "source"), "\x1b[2J", "at_threshold.source: Invalid enum value '\\\\x1b[2J'"),
        ((*LFW, "points"), {}, "targets.lfw.points: Expected `array`, got `object`"),
        ((*LFW, "points"), [None] * 1001, "targets.lfw.points: Expected `array` of length <= 1000"),
        ((*LFW, "points", 0), None, "targets.lfw.points[0]: Expected `object`, got `null`"),
        (
            (*LFW, "points", 0, "fmr", "errors"),
            KeyError,
            "targets.lfw.points[0].fmr: Object missing required field `errors`",
        ),
        ((*LFW, "accuracy"), -0.5, "targets.lfw.accuracy: Expected `float` >= 0.0"),
        ((*LFW, "accuracy"), 0.0, "targets.lfw: accuracy is outside of its interval"),
        ((*LFW, "accuracy_interval"), [0.1, 0.0], "targets.lfw: accuracy is outside of its interval"),
        ((*LFW, "auc"), -0.5, "targets.lfw.auc: Expected `float` >= 0.0"),
        ((*LFW, "eer", "value"), 1.0, "targets.lfw.eer: value is outside of its interval"),
        ((*LFW, "eer", "low"), -0.5, "targets.lfw: eer is no share"),
        ((*LFW, "eer", "high"), 1.5, "targets.lfw.eer.high: Expected `float` <= 1.0"),
        ((*LFW, "fta", "high"), 0.0, "targets.lfw.fta: value is outside of its interval"),
        ((*LFW, "fta", "errors"), 5000, "targets.lfw.fta: value is not errors / count"),
        ((*LFW, "fta", "errors"), 3, "targets.lfw.fta: value is not errors / count"),
        ((*LFW, "points", 0, "fmr_asked"), -1, "targets.lfw.points[0].fmr_asked: Expected `float` >= 0.0"),
        ((*LFW, "points", 0, "threshold"), 1.1, "targets.lfw.points[0].threshold: Expected `float` <= 1.000001"),
        ((*LFW, "unsupported", 0, "fmr"), -1, "targets.lfw.unsupported[0].fmr: Expected `float` >= 0.0"),
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
        (b"[]", "it: Expected `object`, got `array`"),
        (b"[" * 100_000, "recursion|Expecting value"),
        (b'{"models": {}}', "models: Expected `array`, got `object`"),
        (b'{"models": [{}]}', r"models\[0\]: Object missing required field"),
        (b'{"error": {"code": "data", "message": "x"}}', "an error in place of figures"),
        (b"\xff\xfe\x00", "decode"),
        (b" " * (LARGEST + 1), "more than"),
    ],
    ids=["empty", "list", "deep", "models", "model", "error", "bytes", "large"],
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
    names = {field.name for field in msgspec.structs.fields(type(target))}
    assert set(evaluated["targets"]["lfw"]) - not_in_a_card == names - {"robustness"}


def test_names_of_files_that_are_no_text(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    """A command names files as they are called, which JSON holds as halves of surrogate pairs."""
    found = read_evaluation(tmp_path / "eval.json", {**evaluated, "command": "sface eval \udcff.onnx"})
    assert found.command == "sface eval \udcff.onnx"
