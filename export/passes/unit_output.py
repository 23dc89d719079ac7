"""Unit vectors in the graph: the output is divided by its length.

    y / max(|y|, 1e-30)

so that a dot product of two outputs is their cosine. The bound only keeps a vector of zeros from becoming NaN.
"""

import numpy as np
import onnx_ir as ir

from .graph_edits import add_constant


def add_unit_output(model: ir.Model) -> None:
    """Give the model's only output, (N, D), length 1; it keeps its name."""
    (output,) = model.graph.outputs
    name = str(output.name)
    output.name = f"{name}.raw"
    least = add_constant(model.graph, f"{name}.least", np.array(1e-30, np.float32))
    length = ir.node("ReduceL2", [output], {"axes": [1], "keepdims": 1}, name=f"{name}.ReduceL2")
    bounded = ir.node("Max", [length.outputs[0], least], name=f"{name}.Max")
    divided = ir.node("Div", [output, bounded.outputs[0]], name=f"{name}.Div")
    assert output.shape is not None and output.dtype is not None
    for node, label in ((length, "length"), (bounded, "bounded")):
        value = node.outputs[0]
        value.name, value.dtype, value.shape = f"{name}.{label}", output.dtype, ir.Shape([output.shape[0], 1])
    result = divided.outputs[0]
    result.name, result.dtype, result.shape = name, output.dtype, output.shape
    model.graph.extend([length, bounded, divided])
    model.graph.outputs[0] = result
