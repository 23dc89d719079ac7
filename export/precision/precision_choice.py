"""fp32 or int8? Both are measured on this machine, and the faster one is taken if it is accurate enough."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...model_files.metadata import Preprocess
from .accuracy_measure import AccuracyChange, PairedAccuracyMeasure
from .measurement import check_cosine, cosines_to_fp32, milliseconds, open_both

MAY_LOSE = 0.001  # of accuracy; int8 that loses more is not taken

# The files of fp32 and int8, a crop, the preprocessing → the milliseconds that each takes.
Timing = Callable[[tuple[bytes, bytes], npt.NDArray[np.uint8], Preprocess], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which precision "auto" wrote, and why.

    written            "fp32" or "int8"
    reason             why, in words
    milliseconds_fp32, milliseconds_int8  for one crop on this machine, in all cores, medians of runs in turn
    set_name           the verification set
    accuracy           on it, `before` of fp32 and `after` of int8, and the change with its interval over people

    All but the first two are None where int8 was not measured: it can't be made, or its mean cosine to fp32 is below
    its bound.
    """

    written: str
    reason: str
    milliseconds_fp32: float | None = None
    milliseconds_int8: float | None = None
    set_name: str | None = None
    accuracy: AccuracyChange | None = None

    def text(self) -> str:
        """The figures and the reason as lines for people."""
        lines = [f"{self.written} was written: {self.reason}"]
        if self.accuracy is not None:
            lines = [
                f"fp32: {self.milliseconds_fp32:.2f} ms a crop, accuracy {self.accuracy.before:.2%} on {self.set_name}",
                f"int8: {self.milliseconds_int8:.2f} ms a crop, accuracy {self.accuracy.after:.2%} on {self.set_name}",
                *lines,
            ]
        return "\n".join(lines)


def time_in_all_cores(
    files: tuple[bytes, bytes], crop: npt.NDArray[np.uint8], preprocess: Preprocess
) -> tuple[float, float]:
    """As `FaceEmbedder` runs them where nothing else is asked for."""
    return milliseconds(files, crop, preprocess, threads=None)


def choose(
    fp32: bytes,
    int8: bytes,
    crops: npt.NDArray[np.uint8],
    accuracy: PairedAccuracyMeasure,
    preprocess: Preprocess = "raw",
    *,
    timing: Timing = time_in_all_cores,
) -> Choice:
    """Measure two ONNX files of one face network and choose.

    int8 is taken where it is faster and its accuracy is not lower by more than MAY_LOSE. The measured change decides,
    not its interval.

    Raises as `measure_precision`.
    """
    before, after = open_both(fp32, int8, "int8", crops, accuracy, preprocess)
    check_cosine("int8", cosines_to_fp32(before(crops), after(crops)))
    times = timing((fp32, int8), crops[:1], preprocess)
    return decide(*times, accuracy.name, accuracy.change(before, after))


def decide(fp32: float, int8: float, set_name: str, accuracy: AccuracyChange) -> Choice:
    """The choice by the milliseconds of both and their accuracies."""
    faster, accurate = int8 < fp32, round(accuracy.change, 9) >= -MAY_LOSE  # 6 of 6,000 pairs are no more than 0.001
    speed = f"{fp32 / int8:.2f} times as fast" if faster else f"not faster ({int8:.2f} ms against {fp32:.2f} ms)"
    link = "but" if faster and not accurate else "and"
    bound = "" if accurate else f", more than the {100 * MAY_LOSE:.2f} points that it may lose"
    reason = f"int8 is {speed} {link} its accuracy differs by {accuracy.text()}{bound}"
    return Choice("int8" if faster and accurate else "fp32", reason, fp32, int8, set_name, accuracy)
