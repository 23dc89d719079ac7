"""A face network in a precision below float32: what is asked for, and how it is made."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from ...errors import UsageError
from ...files import write_text
from ...model_files.metadata import Preprocess
from ..onnx_files.serialize import serialize
from .fp16 import to_fp16
from .int8 import to_int8
from .measurement import BOUNDS, AccuracyMeasure, Precision, measure_precision


@dataclass(frozen=True, slots=True, eq=False)
class Lowering:
    """The wish for a precision below float32.

    precision  "fp16" or "int8"
    crops      uint8 (N, S, S, 3) RGB, at least 2 real faces as the network takes them: every second one calibrates, the
               others measure
    accuracy   a verification set with crops of that size; None: accuracy is not measured

    Raises UsageError for another precision, or fewer crops.
    """

    precision: str
    crops: npt.NDArray[np.uint8]
    accuracy: AccuracyMeasure | None = None

    def __post_init__(self) -> None:
        if self.precision not in BOUNDS:
            raise UsageError(f"precision {self.precision}: must be one of {', '.join(BOUNDS)}", argument="precision")
        if len(self.crops) < 2:
            raise UsageError(
                "crops: needs at least 2 crops, to calibrate with and to measure with",
                remedy="200 are better",
                argument="crops",
            )


def lower(
    fp32: bytes, lowering: Lowering, preprocess: Preprocess, report: Path | None = None
) -> tuple[ir.Model, bytes, Precision]:
    """A face network in another precision, its bytes, and what was measured of it.

    fp32: the ONNX file in float32, as the passes leave it. report: a JSON file to which the figures are added.
    Raises as `to_fp16`, `to_int8` and `measure_precision`.
    """
    model = ir.serde.deserialize_model(onnx.load_from_string(fp32))
    calibrating, measuring = lowering.crops[0::2], lowering.crops[1::2]
    lowered = to_fp16(model) if lowering.precision == "fp16" else to_int8(model, calibrating, preprocess)
    data = serialize(lowered)
    result = measure_precision(fp32, data, lowering.precision, measuring, lowering.accuracy, preprocess)
    if report is not None:
        fields = json.loads(report.read_text()) | {"precision": asdict(result)}
        write_text(report, json.dumps(fields, indent=1) + "\n")
    return lowered, data, result
