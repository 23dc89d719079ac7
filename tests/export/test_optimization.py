"""`sface.export.optimize` from Python; tests/cli/test_optimize_command.py has what the files are."""

from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.export import inspect, optimize, read_metadata
from tests.tiny_models import write_model


def test_a_file_is_optimised_in_one_call(tmp_path: Path) -> None:
    """Paths as text; what comes back says what was made of what."""
    source, path = write_model(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    result = optimize(str(source), str(path), without=["rewrite_prelu"], report=str(tmp_path / "r.json"))
    summary = inspect(str(path))
    assert (result.path, result.metadata) == (path, read_metadata(str(path)))
    assert (result.before.size, result.after.size) == (source.stat().st_size, path.stat().st_size)
    assert result.after.nodes == summary.nodes and "PRelu" in summary.operators
    assert result.loads and result.parity.equal and result.precision is None
    assert (tmp_path / "r.json").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "tensorrt"}, "target tensorrt: must be one of"),
        ({"preprocess": "rgb"}, "preprocess 'rgb': must be one of raw, centered"),
        ({"without": ["fold"]}, "there is no pass 'fold'"),
    ],
)
def test_a_wrong_call(options: Any, words: str, tmp_path: Path) -> None:
    source = write_model(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match=words) as error:
        optimize(source, tmp_path / "b.onnx", **options)
    assert error.value.argument == next(iter(options))
    with pytest.raises(UsageError, match="is a folder"):
        optimize(source, tmp_path)
    assert list(tmp_path.iterdir()) == [source]
