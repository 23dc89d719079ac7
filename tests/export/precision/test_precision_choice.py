"""fp32 or int8: the faster one, where its accuracy is good enough."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError, ParityError
from sface.evaluate import accuracy_on
from sface.export import AccuracyChange, PairedAccuracyMeasure
from sface.export.precision import measurement
from sface.export.precision.int8 import to_int8
from sface.export.precision.precision_choice import Choice, Timing, choose, decide, time_in_all_cores

from ..small_network import data_of, draw_crops, draw_network, embed
from ..verification_pairs import write_easy_pairs, write_pairs_for_one

CROPS = draw_crops(20)


@pytest.fixture(scope="module")
def files() -> tuple[bytes, bytes]:
    """One network in fp32 and in int8."""
    return data_of(draw_network()), data_of(to_int8(draw_network(), CROPS))


@pytest.fixture
def easy(tmp_path: Path) -> PairedAccuracyMeasure:
    return accuracy_on(write_easy_pairs(tmp_path / "easy.bin"))


def takes(fp32: float, int8: float) -> Timing:
    """A machine on which the files take so many milliseconds."""
    return lambda files, crop, preprocess: (fp32, int8)


def test_int8_where_it_is_faster_and_as_accurate(files: tuple[bytes, bytes], easy: PairedAccuracyMeasure) -> None:
    choice = choose(*files, CROPS, easy, timing=takes(14.3, 10.0))
    assert choice.accuracy is not None
    assert (choice.accuracy.before, choice.accuracy.after, choice.accuracy.change) == (1, 1, 0)
    assert choice.accuracy.low < 0 < choice.accuracy.high
    words = "int8 is 1.43 times as fast and its accuracy differs by +0.00 points (-15.00 to +15.00)"
    assert choice == Choice("int8", words, 14.3, 10.0, "easy", choice.accuracy)
    assert choice.text().splitlines() == [
        "fp32: 14.30 ms a crop, accuracy 100.00% on easy",
        "int8: 10.00 ms a crop, accuracy 100.00% on easy",
        f"int8 was written: {words}",
    ]


def test_fp32_where_int8_is_not_faster(files: tuple[bytes, bytes], easy: PairedAccuracyMeasure) -> None:
    choice = choose(*files, CROPS, easy, timing=takes(10.0, 12.5))
    assert (choice.written, choice.milliseconds_fp32, choice.milliseconds_int8) == ("fp32", 10.0, 12.5)
    assert choice.reason.startswith(
        "int8 is not faster (12.50 ms against 10.00 ms) and its accuracy differs by +0.00 p"
    )


def test_fp32_where_int8_is_less_accurate(files: tuple[bytes, bytes], tmp_path: Path) -> None:
    """A fast int8 file, and pairs that fp32 decides rightly and int8 doesn't."""
    fp32, int8 = (partial(embed, data) for data in files)
    hard = accuracy_on(write_pairs_for_one(tmp_path / "hard.bin", right=fp32, wrong=int8))
    choice = choose(*files, CROPS, hard, timing=takes(20.0, 10.0))
    assert choice.written == "fp32"
    assert choice.accuracy is not None
    assert choice.accuracy.before - 0.2 > choice.accuracy.after
    assert choice.accuracy.low <= choice.accuracy.change <= choice.accuracy.high < 0
    assert choice.reason.startswith("int8 is 2.00 times as fast but its accuracy differs by -")
    assert choice.reason.endswith(", more than the 0.10 points that it may lose")
    # On that set int8 is taken where it is the file that decides rightly.
    assert choose(files[1], files[0], CROPS, hard, timing=takes(20.0, 10.0)).written == "int8"


@pytest.mark.parametrize(
    ("fp32", "int8", "change", "written"),
    [
        (2.0, 1.0, 0.0009, "int8"),
        (2.0, 1.0, -0.0009, "int8"),
        (2.0, 1.0, 5994 / 6000 - 1, "int8"),  # just 0.1 points, but for rounding
        (2.0, 1.0, 5993 / 6000 - 1, "fp32"),
        (2.0, 1.999, 0.0, "int8"),
        (2.0, 2.0, 0.0, "fp32"),
        (2.0, 3.0, 0.01, "fp32"),
        (2.0, 3.0, -0.01, "fp32"),
    ],
)
def test_the_rule(fp32: float, int8: float, change: float, written: str) -> None:
    """The measured change decides, however wide its interval."""
    accuracy = AccuracyChange(0.9, 0.9 + change, change, -0.05, 0.05)
    assert decide(fp32, int8, "lfw", accuracy).written == written


def test_what_is_timed(files: tuple[bytes, bytes], easy: PairedAccuracyMeasure) -> None:
    """Both files, with one crop of the caller's."""
    seen: list[tuple[tuple[bytes, bytes], np.ndarray, str]] = []

    def timing(both: tuple[bytes, bytes], crop: np.ndarray, preprocess: str) -> tuple[float, float]:
        seen.append((both, crop, preprocess))
        return 1.0, 2.0

    choose(*files, CROPS, easy, timing=timing)
    ((both, crop, preprocess),) = seen
    assert both == files and preprocess == "raw"
    assert np.array_equal(crop, CROPS[:1])
    assert all(time > 0 for time in time_in_all_cores(both, crop, "raw"))


def test_what_can_not_be_compared(
    files: tuple[bytes, bytes], easy: PairedAccuracyMeasure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = accuracy_on(write_easy_pairs(tmp_path / "large.bin", size=32))
    with pytest.raises(DataError, match="large: images of 32x32 pixels; the network takes 24x24"):
        choose(*files, CROPS, large)
    monkeypatch.setitem(measurement.BOUNDS, "int8", 0.999999)
    with pytest.raises(ParityError, match=r"the mean cosine of int8 to fp32 is 0\.99"):
        choose(*files, CROPS, easy)
