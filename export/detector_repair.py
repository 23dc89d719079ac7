"""Published detectors that onnxruntime refuses as they are → equal ones that it runs: the optimiser's passes, proven.

OpenCV's block-quantised files keep their weights as whole numbers with a scale for each block, of which onnxruntime
can't run some. Folded to float32 it is the network from which they were made. Needs no Jittor.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from ..errors import ModelError, ParityError
from ..files import write_bytes
from ..model_files.onnx_session import open_session
from .onnx_files.onnx_file import load_whole_model
from .onnx_files.serialize import serialize
from .passes import remove_initializers_from_inputs, run_passes

# Of outputs that are scores of 0..1, or offsets of about as many cells of a grid; float32 alone gives 4e-6.
MAX_DIFFERENCE = 1e-4
PICTURE = (96, 128)  # height and width, in pixels: the coarsest grid has cells of 32


def repair_detector(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Write the detector `source`, whose input is one picture (1, 3, H, W), to `path`; H and W become free.

    It is compared with the source, computed by onnx's own plain evaluator. Raises ModelError, ParityError,
    StorageError; then there is no new file.
    """
    source = Path(source)
    proto = load_whole_model(source)
    model = ir.serde.deserialize_model(proto)
    remove_initializers_from_inputs.apply(model)
    run_passes(model)
    _free_size(model, source)
    data = serialize(model)
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, *PICTURE)).astype(np.float32)
    session = open_session(data, str(source))
    names = [output.name for output in session.get_outputs()]
    given = session.run(names, {session.get_inputs()[0].name: picture})
    expected = _evaluate(proto, names, picture)
    if any(a.shape != b.shape for a, b in zip(given, expected, strict=True)):
        raise ParityError("repaired, it gives outputs of other shapes", path=source)
    difference = float(np.max([np.abs(a - b).max() for a, b in zip(given, expected, strict=True)]))
    if not difference <= MAX_DIFFERENCE:  # NaN is not
        raise ParityError(f"repaired, it differs by {difference:.1e}, more than {MAX_DIFFERENCE:.0e}", path=source)
    write_bytes(Path(path), data)


def _free_size(model: ir.Model, source: Path) -> None:
    """Free height and width of the one input: a small picture then takes less time than one of 640 x 640 pixels."""
    shape = model.graph.inputs[0].shape if len(model.graph.inputs) == 1 else None
    if shape is None or len(shape) != 4:
        raise ModelError("a detector takes one float32 (1, 3, H, W); this file does not", path=source)
    model.graph.inputs[0].shape = ir.Shape([*shape[:2], "height", "width"])
    for output in model.graph.outputs:
        if output.shape is not None:
            output.shape = ir.Shape([output.shape[0], "cells", *output.shape[2:]])
    for node in model.graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = None  # it was that of one size


def _evaluate(
    proto: onnx.ModelProto, names: list[str], picture: npt.NDArray[np.float32]
) -> list[npt.NDArray[np.float32]]:
    """The outputs of the file as it was published."""
    results = ReferenceEvaluator(proto).run(names, {proto.graph.input[0].name: picture})
    return [np.asarray(result) for result in results]
