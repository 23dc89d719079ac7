"""Multiply-accumulates of an ONNX graph: those of convolutions and matrix products, quantised ones too.

Products with padding count; sums alone, such as that of a bias, don't.
"""

import math
from contextlib import suppress
from typing import Any

from ...runtime import dependencies

# Operators whose multiply-accumulates are counted, with the places of the two factors among their inputs.
FACTORS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "ConvTranspose": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
}
# Operators that multiply and accumulate too, and are not counted.
UNCOUNTED = {"Attention", "DeformConv", "Einsum", "GRU", "LSTM", "RNN"}

DATA_LIMIT = 1024  # elements; what shape inference reads (axes, pads, new shapes) is shorter


def is_onnx(node: Any) -> bool:
    """Is the operator one of ONNX's own?"""
    return node.domain in ("", "ai.onnx")


def count_macs(model: Any, nodes: list[Any], inputs: list[Any]) -> tuple[int, bool]:
    """The multiply-accumulates of `nodes` with each free axis of `inputs` at 1, and whether there may be more.

    There may be where a shape stays unknown, as those in the graphs inside of nodes do, where an operator is not ONNX's
    and where it is one of UNCOUNTED. Changes the `onnx.ModelProto` model, whose nodes and inputs these are: it keeps
    neither its free axes nor its large weights.
    """
    shapes = _shapes(model, inputs)
    total, may_be_more = 0, False
    for node in nodes:
        if not is_onnx(node) or node.op_type in UNCOUNTED:
            may_be_more = True
        elif node.op_type in FACTORS:
            macs = _macs(node, shapes)
            total += macs or 0
            may_be_more |= macs is None
    return total, may_be_more


def _shapes(model: Any, inputs: list[Any]) -> dict[str, tuple[int, ...]]:
    """The shapes that are known once each free axis of the inputs is 1, by name."""
    infer_shapes = dependencies.require("onnx.shape_inference", "export").infer_shapes
    graph = model.graph
    for value in inputs:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:  # free; some files write 0 or -1 for that
                dim.dim_value = 1
    for value in [*graph.value_info, *graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:
                dim.ClearField("dim_value")
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for tensor in graph.initializer:
        if math.prod(tensor.dims) > DATA_LIMIT:  # it would be copied twice
            for field in ("raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data"):
                tensor.ClearField(field)
    with suppress(Exception):  # onnx's own errors have no common base; the shapes that the file states are left
        graph = infer_shapes(model, data_prop=True).graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        tensor_type = value.type.tensor_type
        dims = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor_type.shape.dim)
        if tensor_type.HasField("shape") and min(dims, default=0) >= 0:
            shapes[value.name] = dims
    return shapes


def _macs(node: Any, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """The multiply-accumulates of a node; None where a shape is unknown."""
    places = FACTORS[node.op_type]
    if len(node.input) <= max(places) or not node.output:
        return None
    left, right = (shapes.get(node.input[place]) for place in places)
    result = shapes.get(node.output[0])
    if not left or not right or result is None:
        return None
    if node.op_type == "ConvTranspose":  # each input value goes into so many outputs
        return math.prod(left) * math.prod(right[1:])
    if "Conv" in node.op_type:  # each output value comes from so many inputs
        return math.prod(result) * math.prod(right[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(result) * left[0 if transposed else -1]
