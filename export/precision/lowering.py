"""A face network in a precision below float32: what is asked for, and how it is made."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from ...errors import ModelError, UsageError
from ...files import write_text
from ...model_files.metadata import Preprocess, from_props
from ..onnx_files.serialize import serialize
from .accuracy_measure import AccuracyMeasure, PairedAccuracyMeasure
from .fp16 import to_fp16
from .int8 import to_int8
from .measurement import BOUNDS, Precision, measure_precision
from .precision_choice import Choice, Timing, choose, time_in_all_cores

PRECISIONS = (*BOUNDS, "auto")


@dataclass(frozen=True, slots=True, eq=False)
class Lowering:
    """The wish for a precision below float32.

    precision  "fp16"; "int8"; or "auto": int8 where it is faster on this machine and its accuracy is not lower by more
               than 0.1 points, else fp32
    crops      uint8 (N, S, S, 3) RGB, at least 2 real faces as the network takes them: every second one calibrates, the
               others measure
    accuracy   a verification set with crops of that size; None: accuracy is not measured. "auto" needs one that
               compares two networks, such as `sface.evaluate.accuracy_on("lfw.bin")`

    Raises UsageError for another precision, fewer crops, or "auto" without such a set.
    """

    precision: str
    crops: npt.NDArray[np.uint8]
    accuracy: AccuracyMeasure | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"precision {self.precision}: must be one of {', '.join(PRECISIONS)}", argument="precision"
            )
        if len(self.crops) < 2:
            raise UsageError(
                "crops: needs at least 2 crops, to calibrate with and to measure with",
                remedy="200 are better",
                argument="crops",
            )
        if self.precision == "auto" and not isinstance(self.accuracy, PairedAccuracyMeasure):
            raise UsageError(
                "precision auto: needs a verification set that compares two networks",
                remedy="give sface.evaluate.accuracy_on(FILE) as accuracy",
                argument="accuracy",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """A network as it is to be written, and its bytes.

    precision  what was measured of fp16 or int8 that was asked for
    choice     what "auto" measured and chose
    """

    model: ir.Model
    data: bytes
    precision: Precision | None = None
    choice: Choice | None = None

    @property
    def is_int8(self) -> bool:
        """Whether the network is in int8."""
        return "int8" in (self.precision and self.precision.precision, self.choice and self.choice.written)


def lower(
    fp32: bytes,
    lowering: Lowering,
    preprocess: Preprocess,
    report: Path | None = None,
    *,
    timing: Timing = time_in_all_cores,
) -> Lowered:
    """A face network in another precision, or, where "auto" finds that better, as it is.

    fp32: the ONNX file in float32, as the passes leave it. report: a JSON file to which the figures are added. timing:
    how long the files of fp32 and int8 take, for "auto".
    Raises as `to_fp16`, `to_int8` and `measure_precision`; with "auto", a ModelError of int8 is a reason for fp32.
    """
    model = ir.serde.deserialize_model(onnx.load_from_string(fp32))
    if lowering.precision == "auto":
        lowered = _choose(model, fp32, lowering, preprocess, timing)
    else:
        smaller, data = _make(model, lowering.precision, lowering.crops, preprocess)
        precision = measure_precision(
            fp32, data, lowering.precision, lowering.crops[1::2], lowering.accuracy, preprocess
        )
        lowered = Lowered(smaller, data, precision=precision)
    if report is not None:
        measured = {"precision": lowered.precision, "choice": lowered.choice}
        fields = {name: value and asdict(value) for name, value in measured.items()}
        write_text(report, json.dumps(json.loads(report.read_text()) | fields, indent=1) + "\n")
    return lowered


def _choose(model: ir.Model, fp32: bytes, lowering: Lowering, preprocess: Preprocess, timing: Timing) -> Lowered:
    assert isinstance(lowering.accuracy, PairedAccuracyMeasure)
    try:
        int8, data = _make(model, "int8", lowering.crops, preprocess)
        choice = choose(fp32, data, lowering.crops[1::2], lowering.accuracy, preprocess, timing=timing)
    except ModelError as error:  # there is nothing to quantise, or int8 moves the embeddings too far
        return Lowered(model, fp32, choice=Choice("fp32", error.reason))
    return Lowered(int8, data, choice=choice) if choice.written == "int8" else Lowered(model, fp32, choice=choice)


def _make(
    model: ir.Model, precision: str, crops: npt.NDArray[np.uint8], preprocess: Preprocess
) -> tuple[ir.Model, bytes]:
    """The network in fp16 or int8, and its bytes. Every second crop calibrates."""
    if precision == "fp16":
        lowered = to_fp16(model)
    else:
        lowered = to_int8(model, crops[0::2], preprocess)
        _remove_threshold(lowered)
    return lowered, serialize(lowered)


def _remove_threshold(model: ir.Model) -> None:
    """Of its metadata, what `sface calibrate` measured with other embeddings."""
    metadata = from_props(model.metadata_props, "the network")
    if metadata is not None:
        for name in metadata.to_props().keys() - metadata.without_threshold().to_props().keys():
            del model.metadata_props[name]
