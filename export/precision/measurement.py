"""What a smaller precision costs and brings a network: measured, and with a bound.

Measured are the cosine to float32, the time, and accuracy on a verification set. The bounds are for the mean cosine,
not the smallest: there are crops on which a network is not stable. OpenCV's SFace network moves by 0.026 on one of 400
where a single grey level is added to all pixels.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from ...errors import DataError, ParityError
from ...model_files.metadata import Preprocess
from ...model_files.network_input import network_input
from ...model_files.onnx_session import open_session
from ..parity.parity import Array, on_rows
from ..parity.timing import interleaved
from .accuracy_measure import AccuracyMeasure, Embed
from .fp16 import as_on_gpu
from .value_ranges import check_crops

BOUNDS = {"fp16": 0.9999, "int8": 0.99}
REMEDIES = {
    "fp16": "take fp32",
    "int8": "calibrate with more crops, of the faces and the aligner that it is for, or take fp32",
}
LOST = 0.002  # of accuracy
SLOWER = 1.02  # medians of the same file differ by as much
ROUNDS = 30
BATCH = 32


@dataclass(frozen=True, slots=True)
class Precision:
    """What was measured: cosines of embeddings of `crops` faces to those of float32, milliseconds for one crop in one
    thread, and the accuracy (a share) on the verification set `set_name`; None without one."""

    precision: str
    crops: int
    mean_cosine: float
    min_cosine: float
    milliseconds_before: float
    milliseconds_after: float
    set_name: str | None = None
    accuracy_before: float | None = None
    accuracy_after: float | None = None

    @property
    def remark(self) -> str | None:
        """What speaks against this precision here; None where nothing does."""
        remarks = []
        if self.milliseconds_after > SLOWER * self.milliseconds_before:
            remarks.append(
                f"is slower than fp32 on this machine ({self.milliseconds_after:.2f} ms against "
                f"{self.milliseconds_before:.2f} ms)"
            )
        if self.accuracy_before is not None and self.accuracy_after is not None:
            lost = self.accuracy_before - self.accuracy_after
            if lost > LOST:
                remarks.append(f"loses {lost * 100:.2f} points of accuracy on {self.set_name}")
        return f"{self.precision} {' and '.join(remarks)}" if remarks else None

    def text(self) -> str:
        """The figures as lines for people."""
        times = f"{self.milliseconds_before:.2f} ms a crop in one thread → {self.milliseconds_after:.2f} ms"
        lines = [
            f"{self.precision}: cosine to fp32 {self.mean_cosine:.5f} in the mean of {self.crops} crops, "
            f"{self.min_cosine:.5f} at least; {times}"
        ]
        if self.accuracy_before is not None and self.accuracy_after is not None:
            lines.append(f"{self.set_name}: accuracy {self.accuracy_before:.2%} → {self.accuracy_after:.2%}")
        return "\n".join([*lines, *([self.remark] if self.remark else [])])


def measure_precision(
    fp32: bytes,
    other: bytes,
    precision: str,
    crops: npt.NDArray[np.uint8],
    accuracy: AccuracyMeasure | None = None,
    preprocess: Preprocess = "raw",
) -> Precision:
    """Compare the ONNX file `other`, of a precision in BOUNDS, with the file `fp32` of the same face network.

    crops: uint8 (N, S, S, 3) RGB, real faces. accuracy: a verification set with crops of that size.
    What float16 gives is computed as on a GPU (export/precision/fp16.py). Times are those of the two files in
    onnxruntime on this machine's processor, in one thread: medians of ROUNDS runs in turn, with one crop, or as many as
    the files take.

    Raises ParityError where the mean cosine is below its bound, UsageError where crops don't fit, DataError where those
    of the set don't, ModelError where onnxruntime can't load a file, and what `accuracy` raises.
    """
    before, after = open_both(fp32, other, precision, crops, accuracy, preprocess)
    cosines = cosines_to_fp32(before(crops), after(crops))
    check_cosine(precision, cosines)
    times = milliseconds((fp32, other), crops[:1], preprocess, threads=1)
    result = Precision(precision, len(crops), float(cosines.mean()), float(cosines.min()), *times)
    if accuracy is None:
        return result
    return replace(result, set_name=accuracy.name, accuracy_before=accuracy(before), accuracy_after=accuracy(after))


def open_both(
    fp32: bytes,
    other: bytes,
    precision: str,
    crops: npt.NDArray[np.uint8],
    accuracy: AccuracyMeasure | None,
    preprocess: Preprocess,
) -> tuple[Embed, Embed]:
    """Both files as functions of crops; arguments as of `measure_precision`, and so is what it raises where crops or
    the set don't fit or a file can't be loaded."""
    session = open_session(fp32, "the float32 network")
    check_crops(crops, session.get_inputs()[0].shape[2])
    if accuracy is not None and accuracy.size != crops.shape[1]:
        raise DataError(
            f"{accuracy.name}: images of {accuracy.size}x{accuracy.size} pixels; the network takes "
            f"{crops.shape[1]}x{crops.shape[1]}",
            argument="accuracy",
        )
    lowered = open_session(_as_measured(other, precision), f"the {precision} network")
    return _embed(session, preprocess), _embed(lowered, preprocess)


def check_cosine(precision: str, cosines: npt.NDArray[np.float64]) -> None:
    """Raises ParityError where the mean of the cosines to fp32 (N,) is below its bound."""
    mean = float(cosines.mean())
    if mean >= BOUNDS[precision]:
        return
    what = f"the mean cosine of {precision} to fp32 is {mean:.5f} (bound {BOUNDS[precision]})"
    if not np.isfinite(mean):
        what = f"an embedding in {precision} is not finite, as a value of the network is too large"
    raise ParityError(what, remedy=f"{REMEDIES[precision]}; no file was written")


def _as_measured(data: bytes, precision: str) -> bytes:
    if precision != "fp16":
        return data
    model = as_on_gpu(ir.serde.deserialize_model(onnx.load_from_string(data)))
    return bytes(ir.serde.serialize_model(model).SerializeToString())


def _embed(session: Any, preprocess: Preprocess) -> Embed:
    """A network as a function: crops uint8 (N, S, S, 3) → raw embeddings float32 (N, D)."""
    run = on_rows(session, BATCH)
    return lambda crops: run(network_input(crops, preprocess))


def cosines_to_fp32(first: Array, second: Array) -> npt.NDArray[np.float64]:
    """Cosines (N,) of two embeddings (N, D), row by row."""
    units = []
    for rows in (first.astype(np.float64), second.astype(np.float64)):
        with np.errstate(invalid="ignore"):
            units.append(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))
    return np.asarray((units[0] * units[1]).sum(axis=1))


def milliseconds(
    files: tuple[bytes, bytes], crop: npt.NDArray[np.uint8], preprocess: Preprocess, threads: int | None
) -> tuple[float, float]:
    """The median time of a run of each file with one crop, uint8 (1, S, S, 3). threads: None: all cores."""
    x = network_input(crop, preprocess)
    before, after = interleaved(
        [partial(on_rows(open_session(data, "the network", threads=threads)), x) for data in files], ROUNDS
    )
    return before, after
