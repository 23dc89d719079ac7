"""Requests are checked when they are made, and say what they ask for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.evaluate import EvaluationRequest


@pytest.mark.parametrize(
    ("arguments", "argument", "reason"),
    [
        ({"models": []}, "models", "models: must be a list of one path or more"),
        ({"models": "a.onnx"}, "models", "models: must be a list"),
        ({"protocol": "lfw"}, "protocol", "protocol lfw: must be bin or lfw-photos or"),
        ({"aligned": True}, "aligned", "aligned: is for protocol lfw-photos or folders or pairs; leave it out"),
        ({"protocol": "folders", "robustness": True}, "robustness", "robustness: is for protocol bin"),
        ({"protocol": "folders", "pair_list": "x"}, "pair_list", "pair_list: is for protocol lfw-photos or pairs"),
        ({"protocol": "megaface", "threshold": 0.0}, "threshold", "threshold: is for protocol bin or"),
        ({"protocol": "folders", "pairs": 0}, "pairs", "pairs 0: must be 1 or more"),
        ({"protocol": "pairs", "aligned": True, "detector": Path("a/b")}, "detector", "detector a/b: no face is"),
        ({"target": "lfw"}, "target", "target lfw: must be a list of names"),
        ({"target": ["lfw", ""]}, "target", "target lfw,: must be names of sets"),
        ({"threshold": float("nan")}, "threshold", "threshold nan: must be a cosine, from -1 to 1"),
        ({"preprocess": "bgr"}, "preprocess", "preprocess bgr: must be raw or centered"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], argument: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        EvaluationRequest(**{"models": ["a.onnx"], "data": "sets", **arguments})
    assert str(error.value).startswith(reason)
    assert error.value.argument == argument


def test_the_recorded_command() -> None:
    request = EvaluationRequest([Path("a.onnx"), "b.onnx"], Path("sets"), target=("lfw", "mine"), flip=False)
    assert request.recorded_command() == (
        "evaluate(EvaluationRequest(models=['a.onnx', 'b.onnx'], data='sets', target=['lfw', 'mine'], flip=False))"
    )
    assert EvaluationRequest(["a"], "b", command="sface eval a --data b").recorded_command() == "sface eval a --data b"


def test_it_imports_nothing_heavy() -> None:
    code = "import sys, sface.evaluate.evaluation_request; print({'numpy', 'cv2', 'onnxruntime'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
