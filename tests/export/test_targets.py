"""Targets and their names."""

import pytest

from sface.errors import UsageError
from sface.export.targets import ONNXRUNTIME, OPENCV, find_target


def test_a_target_by_its_name() -> None:
    assert find_target("opencv") is OPENCV
    assert find_target("onnxruntime") is ONNXRUNTIME
    assert find_target(OPENCV) is OPENCV
    with pytest.raises(UsageError, match="target tensorrt: must be one of onnxruntime, opencv") as error:
        find_target("tensorrt")
    assert error.value.argument == "target"
