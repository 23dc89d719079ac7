"""Jittor network → checked ONNX file; any ONNX file → a faster one; what a file says about itself.

    export           a trained face network (checkpoint, run or published weights) → ONNX file, proven equal
    check            is an ONNX file equal to a trained face network?
    to_onnx          any Jittor module → ONNX file, proven equal
    optimize         any face network's ONNX file → a faster one, proven equal
    repair_detector  a published detector that onnxruntime refuses → an equal one that it runs
    inspect          what any ONNX file holds
    read_metadata    what a model file says about itself; write_metadata changes it

    Lowering         the wish for fp16, int8 or the better of fp32 and int8; read_crops reads face crops for it
    AccuracyMeasure  a set to measure accuracy on; PairedAccuracyMeasure also compares two networks
    Target           the library that a file is to be fast in; its name will do

What they give back: AccuracyChange, Check, Choice, Export, ModuleExport, Optimized, Parity, Precision, Summary.

`export`, `check` and `to_onnx` need Jittor, the others don't. Importing this package makes a plain `import jittor` work
offline (see sface/runtime/jittor_setup.py); it does not import Jittor.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy
from ..runtime import jittor_setup

if TYPE_CHECKING:
    from .detector_repair import repair_detector as repair_detector
    from .face_network_export import Check as Check
    from .face_network_export import Export as Export
    from .face_network_export import check as check
    from .face_network_export import export as export
    from .module_export import ModuleExport as ModuleExport
    from .module_export import to_onnx as to_onnx
    from .onnx_files.inspection import Summary as Summary
    from .onnx_files.inspection import inspect as inspect
    from .onnx_files.onnx_metadata import read_metadata as read_metadata
    from .onnx_files.onnx_metadata import write_metadata as write_metadata
    from .optimization import Optimized as Optimized
    from .optimization import optimize as optimize
    from .parity.parity import Parity as Parity
    from .precision.accuracy_measure import AccuracyChange as AccuracyChange
    from .precision.accuracy_measure import AccuracyMeasure as AccuracyMeasure
    from .precision.accuracy_measure import PairedAccuracyMeasure as PairedAccuracyMeasure
    from .precision.calibration_crops import read_crops as read_crops
    from .precision.lowering import Lowering as Lowering
    from .precision.measurement import Precision as Precision
    from .precision.precision_choice import Choice as Choice
    from .targets import Target as Target

jittor_setup.prepare()

_HOMES = {
    "export": "face_network_export",
    "check": "face_network_export",
    "to_onnx": "module_export",
    "optimize": "optimization",
    "repair_detector": "detector_repair",
    "inspect": "onnx_files.inspection",
    "read_metadata": "onnx_files.onnx_metadata",
    "write_metadata": "onnx_files.onnx_metadata",
    "Lowering": "precision.lowering",
    "read_crops": "precision.calibration_crops",
    "AccuracyMeasure": "precision.accuracy_measure",
    "PairedAccuracyMeasure": "precision.accuracy_measure",
    "Target": "targets",
    "AccuracyChange": "precision.accuracy_measure",
    "Check": "face_network_export",
    "Choice": "precision.precision_choice",
    "Export": "face_network_export",
    "ModuleExport": "module_export",
    "Optimized": "optimization",
    "Parity": "parity.parity",
    "Precision": "precision.measurement",
    "Summary": "onnx_files.inspection",
}

__all__ = [
    "export",
    "check",
    "to_onnx",
    "optimize",
    "repair_detector",
    "inspect",
    "read_metadata",
    "write_metadata",
    "Lowering",
    "read_crops",
    "AccuracyMeasure",
    "PairedAccuracyMeasure",
    "Target",
    "AccuracyChange",
    "Check",
    "Choice",
    "Export",
    "ModuleExport",
    "Optimized",
    "Parity",
    "Precision",
    "Summary",
]

__getattr__ = lazy(__name__, _HOMES)
