"""Weights and arithmetic in float16, for GPUs. Inputs and outputs stay float32.

float16 is what lies between the first layer with weights and the last: normalisation before it (Sub and Mul stay the
first nodes) and unit vectors after it stay float32, where 255 and sums of squares would be rounded or overflow. So do
nodes that ONNX does not define for float16, and layers whose weights don't fit: one above 65504 would be infinite, and
where the weights, without the bias, lose more than LOST of their length, too many lie below 6e-5 and are rounded
coarsely. Single weights that become 0 do not matter.

Whether what flows through the network fits is seen with real crops only, and not on a processor: onnxruntime computes
in float32 there, so that nothing overflows. `as_on_gpu` gives the file to measure.
"""

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ...errors import ModelError
from ..passes.graph_edits import Array, add_constant, constant, free_name
from .batchnorm_convolution import batchnorm_to_convolution
from .prelu_int8 import recover_prelu

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
LOST = 1e-3  # rounding to 11 bits loses 3e-4


def to_fp16(model: ir.Model) -> ir.Model:
    """A copy of a float32 network in float16. Metadata and the names of input and output are kept.

    What passes/rewrite_prelu.py made for processors becomes PRelu again.

    Raises ModelError where nothing in it can be float16.
    """
    model = model.clone()
    recover_prelu(model)  # a GPU computes it in half the time of what is faster on a processor
    batchnorm_to_convolution(model)
    places = {node: _places(node, model.opset_imports) for node in _between_layers(model)}
    halves = {node: inputs for node, inputs in places.items() if inputs}
    if not any(node.op_type in WEIGHTED for node in halves):
        raise ModelError("the network has no layer with constant float32 weights that fit into float16")
    casts: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}
    nodes = tuple(model.graph)  # without the Casts that are added
    for node in halves:
        _mark(model.graph, node)
    for node in nodes:
        wanted = halves.get(node, ())
        for index, value in enumerate(node.inputs):
            if value is None or value.dtype not in (ir.DataType.FLOAT, ir.DataType.FLOAT16):
                continue
            dtype = ir.DataType.FLOAT16 if index in wanted else ir.DataType.FLOAT
            if value.dtype != dtype:
                node.replace_input_with(index, _cast(model.graph, value, dtype, casts))
    RemoveUnusedNodesPass()(model)
    return model


def as_on_gpu(model: ir.Model) -> ir.Model:
    """A copy of a network of `to_fp16` that gives on a processor what that gives on a GPU: it is computed in float32,
    and each float16 value is rounded, and infinite where it overflows."""
    model = model.clone()
    graph = model.graph
    for value in tuple(graph.initializers.values()):
        if value.dtype == ir.DataType.FLOAT16 and value.const_value is not None:
            value.const_value = ir.tensor(value.const_value.numpy().astype(np.float32), name=value.name)
            value.type = ir.TensorType(ir.DataType.FLOAT)
    for node in tuple(graph):
        for output in node.outputs:
            if output.dtype == ir.DataType.FLOAT16:
                _round(graph, node, output)
    return model


def _between_layers(model: ir.Model) -> list[ir.Node]:
    """The nodes that are layers with weights, or lie between two of them."""
    nodes = list(model.graph)
    behind: set[ir.Node] = set()
    for node in nodes:
        if _is_layer(node) or any(node_before in behind for node_before in node.predecessors()):
            behind.add(node)
    before: set[ir.Node] = set()
    for node in reversed(nodes):
        if _is_layer(node) or any(node_behind in before for node_behind in node.successors()):
            before.add(node)
    return [node for node in nodes if node in behind and node in before]


def _is_layer(node: ir.Node) -> bool:
    return node.domain == "" and node.op_type in WEIGHTED and constant(node.inputs[1]) is not None


def _places(node: ir.Node, opsets: dict[str, int]) -> tuple[int, ...]:
    """The inputs of `node` that become float16, none where it stays float32.

    Those of the same type as the first, by ONNX's definition of the operator: not the sizes of a Resize, for example.
    """
    first = node.inputs[0] if node.inputs else None
    if first is None or first.dtype != ir.DataType.FLOAT or any(value.dtype != first.dtype for value in node.outputs):
        return ()
    try:
        schema = onnx.defs.get_schema(node.op_type, opsets[node.domain], node.domain)
    except onnx.defs.SchemaError:
        return ()  # a custom operator
    kind = schema.inputs[0].type_str
    allowed = [set(c.allowed_type_strs) for c in schema.type_constraints if c.type_param_str == kind]
    if not allowed or "tensor(float16)" not in allowed[0]:
        return ()
    if any(formal.type_str != kind for formal in schema.outputs[: len(node.outputs)]):
        return ()
    last = len(schema.inputs) - 1  # of operators with any number of inputs it stands for all further ones
    inputs = [index for index in range(len(node.inputs)) if schema.inputs[min(index, last)].type_str == kind]
    weights = {index: weight for index in inputs if (weight := constant(node.inputs[index])) is not None}
    # A bias is rounded no more coarsely than the sum that it is part of.
    fits = [
        _fits(weight, None if index == 2 and node.op_type in WEIGHTED else LOST) for index, weight in weights.items()
    ]
    return tuple(inputs) if all(fits) else ()


def _fits(weights: Array, lost: float | None) -> bool:
    exact = weights.astype(np.float64)
    with np.errstate(over="ignore"):
        rounded = weights.astype(np.float16).astype(np.float64)
    if not np.isfinite(rounded).all():
        return False
    return lost is None or bool(np.linalg.norm(rounded - exact) <= lost * np.linalg.norm(exact))


def _mark(graph: ir.Graph, node: ir.Node) -> None:
    """Make the outputs of `node` float16. An output of the graph is cast back and keeps its name."""
    for output in node.outputs:
        output.type = ir.TensorType(ir.DataType.FLOAT16)
        if output.is_graph_output():
            name = str(output.name)
            back = ir.node("Cast", [output], {"to": ir.DataType.FLOAT.value}, name=f"{name}.Cast")
            result = back.outputs[0]
            output.name = f"{name}.half"
            result.name, result.dtype, result.shape = name, ir.DataType.FLOAT, output.shape
            node.append(back)
            graph.outputs[list(graph.outputs).index(output)] = result


def _cast(
    graph: ir.Graph, value: ir.Value, dtype: ir.DataType, casts: dict[tuple[ir.Value, ir.DataType], ir.Value]
) -> ir.Value:
    """`value` in another type: one constant or one Cast for all that read it."""
    if (value, dtype) not in casts:
        array = constant(value)
        if array is not None:
            cast = add_constant(graph, f"{value.name}.{dtype.name.lower()}", array.astype(dtype.numpy()))
        else:
            name = free_name(graph, f"{value.name}.{dtype.name.lower()}")
            node = ir.node("Cast", [value], {"to": dtype.value}, name=f"{name}.Cast")
            cast, producer = node.outputs[0], value.producer()
            cast.name, cast.dtype, cast.shape = name, dtype, value.shape
            if producer is None:
                graph.insert_before(graph[0], node)
            else:
                producer.append(node)
        casts[value, dtype] = cast
    return casts[value, dtype]


def _round(graph: ir.Graph, node: ir.Node, output: ir.Value) -> None:
    """Round a float16 output of `node`, now computed in float32, for all that read it."""
    readers = tuple(output.uses())
    output.type = ir.TensorType(ir.DataType.FLOAT)
    if node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", ir.DataType.FLOAT.value)
    there = ir.node("Cast", [output], {"to": ir.DataType.FLOAT16.value})
    back = ir.node("Cast", there.outputs, {"to": ir.DataType.FLOAT.value})
    for cast, dtype in ((there, ir.DataType.FLOAT16), (back, ir.DataType.FLOAT)):
        result = cast.outputs[0]
        result.name, result.dtype = free_name(graph, f"{output.name}.{dtype.name.lower()}"), dtype
        result.shape = output.shape
    for reader, index in readers:
        reader.replace_input_with(index, back.outputs[0])
    node.append([there, back])
