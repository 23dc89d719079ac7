"""The wish for fp16 or int8, and the file that is made of it."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError, UsageError
from sface.evaluate import accuracy_on
from sface.export import Choice, Lowering
from sface.export.precision import measurement
from sface.export.precision.lowering import lower
from sface.model_files.metadata import from_props
from tests.tiny_models import raw_metadata

from ..small_network import chain, data_of, draw_crops, draw_network, embed
from ..verification_pairs import write_easy_pairs, write_pairs_for_one

CROPS = draw_crops(20)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_file_is_made_and_measured(precision: str, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    report.write_text('{"equal": true}')
    fp32 = data_of(draw_network())
    lowered = lower(fp32, Lowering(precision, CROPS), "raw", report)
    result = lowered.precision
    assert result is not None and lowered.choice is None
    assert len(lowered.data) < len(fp32)
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

    result = lower(data_of(draw_network()), Lowering("fp16", CROPS, Share()), "raw").precision
    assert result is not None and result.set_name == "faces"
    assert result.accuracy_before is not None and 0 <= result.accuracy_before <= 1
    assert result.accuracy_after == pytest.approx(result.accuracy_before, abs=0.1)


def test_wishes_that_can_not_be_met() -> None:
    with pytest.raises(UsageError, match="precision int4: must be one of fp16, int8, auto"):
        Lowering("int4", CROPS)
    with pytest.raises(UsageError, match="needs at least 2 crops"):
        Lowering("int8", CROPS[:1])
    with pytest.raises(UsageError, match="auto: needs a verification set that compares two networks") as error:
        Lowering("auto", CROPS)
    assert error.value.argument == "accuracy"


def test_the_same_wish_gives_the_same_bytes() -> None:
    fp32 = data_of(draw_network())
    first, second = (lower(fp32, Lowering("int8", np.array(CROPS)), "raw").data for _ in range(2))
    assert first == second


@pytest.fixture
def auto(tmp_path: Path) -> Lowering:
    """With a set on which fp32 and int8 are equal."""
    return Lowering("auto", CROPS, accuracy_on(write_easy_pairs(tmp_path / "easy.bin")))


def test_auto_writes_int8(auto: Lowering, tmp_path: Path) -> None:
    """On a machine where int8 is faster: the file that "int8" gives, byte by byte."""
    report, fp32 = tmp_path / "r.json", data_of(draw_network())
    report.write_text('{"equal": true}')
    lowered = lower(fp32, auto, "raw", report, timing=lambda *_: (2.0, 1.0))
    assert lowered.choice is not None and lowered.choice.written == "int8"
    assert lowered.is_int8 and lowered.precision is None
    assert lowered.data == lower(fp32, Lowering("int8", CROPS), "raw").data
    choice = json.loads(report.read_text())["choice"]
    assert (choice["written"], choice["accuracy"]["after"], choice["milliseconds_int8"]) == ("int8", 1, 1)


def test_auto_writes_fp32_where_int8_is_not_faster(auto: Lowering) -> None:
    fp32 = data_of(draw_network())
    lowered = lower(fp32, auto, "raw", timing=lambda *_: (1.0, 2.0))
    assert lowered.choice is not None and "not faster" in lowered.choice.reason
    assert lowered.data == fp32 and not lowered.is_int8
    assert len(lowered.model.graph) == len(draw_network().graph)


def test_auto_writes_fp32_where_int8_is_less_accurate(tmp_path: Path) -> None:
    fp32 = data_of(draw_network())
    int8 = lower(fp32, Lowering("int8", CROPS), "raw").data
    path = write_pairs_for_one(tmp_path / "hard.bin", right=partial(embed, fp32), wrong=partial(embed, int8))
    lowered = lower(fp32, Lowering("auto", CROPS, accuracy_on(path)), "raw", timing=lambda *_: (2.0, 1.0))
    assert lowered.choice is not None and "more than the 0.10 points" in lowered.choice.reason
    assert lowered.data == fp32


def test_auto_writes_fp32_where_int8_is_refused(auto: Lowering, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that is missed is no error, nor is a network without layers to quantise; a set that doesn't fit is."""
    monkeypatch.setitem(measurement.BOUNDS, "int8", 0.999999)
    fp32 = data_of(draw_network())
    lowered = lower(fp32, auto, "raw")
    assert lowered.choice is not None and lowered.data == fp32
    assert lowered.choice == Choice("fp32", lowered.choice.reason)
    assert lowered.choice.text().startswith("fp32 was written: the mean cosine of int8 to fp32 is 0.99")
    plain = data_of(chain(("Flatten", [], {}), shape=["batch", 3, 24, 24]))
    lowered = lower(plain, auto, "raw")
    assert lowered.choice is not None and lowered.data == plain
    assert "no layer with constant float32 weights to quantise" in lowered.choice.reason
    small = data_of(chain(("Conv", [np.ones((3, 3, 1, 1))], {}), ("Flatten", [], {}), shape=["batch", 3, 8, 8]))
    with pytest.raises(DataError, match="easy: images of 24x24 pixels; the network takes 8x8"):
        lower(small, Lowering("auto", draw_crops(4, size=8), auto.accuracy), "raw")


@pytest.mark.parametrize(("milliseconds", "kept"), [((2.0, 1.0), False), ((1.0, 2.0), True)])
def test_auto_keeps_a_measured_threshold_in_fp32_alone(
    milliseconds: tuple[float, float], kept: bool, auto: Lowering
) -> None:
    metadata = raw_metadata(threshold=0.4, fmr=0.001, threshold_set="them", aligner="mtcnn+onet-1")
    fp32 = data_of(draw_network(props=metadata.to_props()))
    found = from_props(lower(fp32, auto, "raw", timing=lambda *_: milliseconds).model.metadata_props, "it")
    assert found == (metadata if kept else metadata.without_threshold())
