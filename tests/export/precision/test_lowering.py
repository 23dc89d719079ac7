"""The wish for fp16 or int8, and the file that is made of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from sface.errors import UsageError
from sface.export import Lowering
from sface.export.precision.lowering import lower

from ..small_network import data_of, draw_crops, draw_network

CROPS = draw_crops(20)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_file_is_made_and_measured(precision: str, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    report.write_text('{"equal": true}')
    fp32 = data_of(draw_network())
    _, data, result = lower(fp32, Lowering(precision, CROPS), "raw", report)
    assert len(data) < len(fp32)
    assert (result.precision, result.crops) == (precision, 10)  # every second one
    assert result.mean_cosine > 0.99
    fields = json.loads(report.read_text())
    assert fields["equal"] is True and fields["precision"]["mean_cosine"] == result.mean_cosine


def test_accuracy_is_that_of_any_function(tmp_path: Path) -> None:
    """A set is a name, a size, and a function of what gives embeddings."""

    class Share:
        """Of the embeddings' first numbers, how many are positive."""

        name, size = "faces", 24

        def __call__(self, embed: object) -> float:
            return float((embed(CROPS)[:, 0] > 0).mean())  # type: ignore[operator]

    result = lower(data_of(draw_network()), Lowering("fp16", CROPS, Share()), "raw")[2]
    assert result.set_name == "faces"
    assert result.accuracy_before is not None and 0 <= result.accuracy_before <= 1
    assert result.accuracy_after == pytest.approx(result.accuracy_before, abs=0.1)


def test_wishes_that_can_not_be_met() -> None:
    with pytest.raises(UsageError, match="precision int4: must be one of fp16, int8"):
        Lowering("int4", CROPS)
    with pytest.raises(UsageError, match="needs at least 2 crops"):
        Lowering("int8", CROPS[:1])


def test_the_same_wish_gives_the_same_bytes() -> None:
    fp32 = data_of(draw_network())
    first, second = (lower(fp32, Lowering("int8", np.array(CROPS)), "raw")[1] for _ in range(2))
    assert first == second
