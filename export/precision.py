"""What a smaller precision costs and brings: cosine to float32, time, and accuracy on a verification set.

The bounds are for the mean cosine, not the smallest: there are crops on which a network is not stable. OpenCV's SFace
network moves by 0.026 on one of 400 where a single grey level is added to all pixels.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from ..errors import DataError, ParityError
from ..evaluate.bin_sets import open_bin
from ..evaluate.verification import verify
from ..onnx_session import open_session
from .extremes import check_crops
from .half import as_on_gpu
from .parity import Array, network_input

BOUNDS = {"fp16": 0.9999, "int8": 0.99}
REMEDIES = {
    "fp16": "take fp32",
    "int8": "calibrate with more crops, of the faces and the aligner that it is for, or take fp32",
}
LOST = 0.002  # of accuracy
SLOWER = 1.02  # medians of the same file differ by as much
ROUNDS, WARM_UP = 30, 3
BATCH = 32


@dataclass(frozen=True, slots=True)
class Precision:
    """What was measured: cosines of embeddings to those of float32, milliseconds for one crop in one thread, and the
    accuracy (a share) on the verification set `set_name`; None without one."""

    precision: str
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
                f"slower than fp32 on this machine ({self.milliseconds_after:.2f} ms against "
                f"{self.milliseconds_before:.2f} ms)"
            )
        if self.accuracy_before is not None and self.accuracy_after is not None:
            lost = self.accuracy_before - self.accuracy_after
            if lost > LOST:
                remarks.append(f"loses {lost * 100:.2f} points of accuracy on {self.set_name}")
        return f"{self.precision} {' and '.join(remarks)}" if remarks else None


def measure_precision(
    fp32: bytes,
    other: bytes,
    precision: str,
    crops: npt.NDArray[np.uint8],
    verification_set: Path | None = None,
) -> Precision:
    """Compare the ONNX file `other`, of a precision in BOUNDS, with the file `fp32` of the same face network.

    crops: uint8 (N, S, S, 3) RGB, real faces. verification_set: such as lfw.bin; it is read in parts.
    What float16 gives is computed as on a GPU (export/half.py). Times are those of the two files in onnxruntime on this
    machine's processor, in one thread: medians of ROUNDS runs in turn, with one crop, or as many as the files take.

    Raises ParityError where the mean cosine is below its bound, UsageError where crops don't fit, DataError or
    ImageError where the set can't be used, ModelError where onnxruntime can't load a file.
    """
    session = open_session(fp32, "the float32 network")
    check_crops(crops, session.get_inputs()[0].shape[2])
    before = _embed(session)
    after = _embed(open_session(_as_measured(other, precision), f"the {precision} network"))
    cosines = _cosines(before(crops), after(crops))
    mean, least = float(cosines.mean()), float(cosines.min())
    if not mean >= BOUNDS[precision]:  # NaN isn't either
        what = f"the mean cosine to fp32 is {mean:.5f} (bound {BOUNDS[precision]})"
        if not np.isfinite(mean):
            what = "an embedding is not finite, as a value of the network is too large"
        raise ParityError(f"{precision}: {what}; {REMEDIES[precision]}; no file was written")
    times = _milliseconds((fp32, other), crops)
    result = Precision(precision, mean, least, *times)
    if verification_set is None:
        return result
    bin_set = open_bin(verification_set)
    if bin_set.size != crops.shape[1]:
        raise DataError(
            f"{verification_set}: images of {bin_set.size}x{bin_set.size} pixels; the network takes "
            f"{crops.shape[1]}x{crops.shape[1]}"
        )
    accuracy_before, accuracy_after = (verify(embed, bin_set).accuracy for embed in (before, after))
    return replace(result, set_name=bin_set.name, accuracy_before=accuracy_before, accuracy_after=accuracy_after)


def _as_measured(data: bytes, precision: str) -> bytes:
    if precision != "fp16":
        return data
    model = as_on_gpu(ir.serde.deserialize_model(onnx.load_from_string(data)))
    return bytes(ir.serde.serialize_model(model).SerializeToString())


def _embed(session: Any) -> Callable[[npt.NDArray[np.uint8]], Array]:
    """A network as a function: crops uint8 (N, S, S, 3) → raw embeddings float32 (N, D)."""
    entry = session.get_inputs()[0]
    batch = entry.shape[0] if isinstance(entry.shape[0], int) else None

    def embed(crops: npt.NDArray[np.uint8]) -> Array:
        # A file with a fixed batch gets the last crop again where some are missing.
        missing = -len(crops) % batch if batch else 0
        full = np.concatenate([crops, np.repeat(crops[-1:], missing, axis=0)])
        step = batch or BATCH
        parts = [
            session.run(None, {entry.name: network_input(full[start : start + step])})[0]
            for start in range(0, len(full), step)
        ]
        return np.asarray(np.concatenate(parts)[: len(crops)])

    return embed


def _cosines(first: Array, second: Array) -> npt.NDArray[np.float64]:
    """Cosines (N,) of two embeddings (N, D), row by row."""
    units = []
    for rows in (first.astype(np.float64), second.astype(np.float64)):
        with np.errstate(invalid="ignore"):
            units.append(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))
    return np.asarray((units[0] * units[1]).sum(axis=1))


def _milliseconds(files: tuple[bytes, bytes], crops: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """The median time of a run of each file, in one thread. In turn, so that what else the machine does hits both."""
    sessions = [open_session(data, "the network", threads=1) for data in files]
    runs: list[list[float]] = [[] for _ in files]
    for _ in range(WARM_UP + ROUNDS):
        for session, times in zip(sessions, runs, strict=True):
            entry = session.get_inputs()[0]
            count = entry.shape[0] if isinstance(entry.shape[0], int) else 1
            x = network_input(np.repeat(crops[:1], count, axis=0))
            start = time.perf_counter()
            session.run(None, {entry.name: x})
            times.append(1000 * (time.perf_counter() - start))
    before, after = (float(np.median(times[WARM_UP:])) for times in runs)
    return before, after
