"""A graph whose batch is fixed at 1 takes any number of crops.

Input and outputs get a free first axis; a Reshape whose target begins with 1 leaves that axis as it is. Whether the
graph then really treats each crop alone is for the parity gate to show: it compares batches with single crops.
"""

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from .graph_edits import constant, nodes_of, set_constant


def free_batch(model: ir.Model) -> None:
    """Free the batch of a graph with one input, if its first axis is 1."""
    (value,) = model.graph.inputs
    if value.shape is None or value.shape[0] != 1:
        return
    for node in nodes_of(model, "Reshape"):
        target = constant(node.inputs[1])
        # In ONNX a 0 means: as in the input.
        if target is not None and target.ndim == 1 and len(target) > 1 and target[0] == 1:
            set_constant(node, 1, np.array([0, *target[1:]], dtype=np.int64), f"{node.name}.shape")
    value.shape = ir.Shape(["batch", *value.shape[1:]])
    for node in model.graph:
        for output in node.outputs:  # what was said about sizes holds for one crop
            output.shape = None
    ShapeInferencePass(check_type=False, strict_mode=False)(model)
    for output in model.graph.outputs:
        if output.shape is not None and len(output.shape):
            output.shape = ir.Shape(["batch", *output.shape[1:]])


def fix_batch(model: ir.Model, batch: int) -> None:
    """The other way: input and outputs say that they take `batch` crops at once."""
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.shape is not None and len(value.shape) and not isinstance(value.shape[0], int):
            value.shape = ir.Shape([batch, *value.shape[1:]])
    for node in model.graph:
        for output in node.outputs:
            if output.shape is not None and not output.is_graph_output():
                output.shape = None
    ShapeInferencePass(check_type=False, strict_mode=False)(model)
