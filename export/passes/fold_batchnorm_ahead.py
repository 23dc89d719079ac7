"""BatchNormalization before Conv, Gemm or MatMul goes into their weights.

    W (k x + c) + b  =  (W k) x + (W c + b)        k, c: see affine.py

Before Gemm and MatMul also through Flatten, or Reshape to (N, C * H * W): each factor is repeated over H * W pixels.

The border: a padded Conv surrounds k x + c with zeros. With c in the bias the border would get c as well, which is
wrong, so such a Conv takes k alone and needs c == 0. Where c != 0 it may still move to the other side of x:

    k x + c  =  k x'        x' = x + c / k

Zeros around x' are zeros around k x', and the Conv, the other BatchNormalization or the addition of a constant that
gives x can add c / k too, where nothing else reads x. Not where c / k is above LIMIT times the size of x, as it is for
tiny k: x' would no longer resolve x.

Not where any reader is another node or has weights that are not constant, nor where the value leaves the graph. Weights
that another node reads too are copied.
"""

import math

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from .affine import Affine, affine
from .graph_edits import (
    Array,
    add_constant,
    bias,
    bypass,
    constant,
    free_name,
    label,
    nodes_of,
    only_reader,
    replace,
    set_constant,
    times,
)

LIMIT = 100.0

Vector = npt.NDArray[np.float64]


def apply(model: ir.Model) -> None:
    """Fold each BatchNormalization that can be folded."""
    for node in nodes_of(model, "BatchNormalization"):
        line = affine(node)
        layers = _layers(node.outputs[0], len(line.factor), flat=False) if line is not None else None
        if line is None or layers is None:
            continue
        offset = line.offset
        if offset.any() and any(_is_padded(layer) for layer in layers):
            if not _shift(node, line):
                continue
            offset = np.zeros_like(offset)
        bypass(node)
        for layer in layers:
            _fold(layer, line.factor, offset)
    RemoveUnusedNodesPass()(model)


def _layers(value: ir.Value, channels: int, *, flat: bool) -> list[ir.Node] | None:
    """All that read `value`, those behind a flattening too. None where one of them can't take a factor and an offset.

    flat: its axis 1 is `channels` times as many pixels.
    """
    if value.is_graph_output():
        return None
    layers = []
    for node, index in value.uses():
        if index != 0 or node.domain != "":
            return None
        if _flattens(node):
            behind = _layers(node.outputs[0], channels, flat=True)
            if behind is None:
                return None
            layers += behind
        elif _is_layer(node, channels, flat=flat):
            layers.append(node)
        else:
            return None
    return layers


def _flattens(node: ir.Node) -> bool:
    """Whether a node gives (N, C * H * W) for (N, C, H, W)."""
    if node.op_type == "Flatten":
        return node.attributes.get_int("axis", 1) == 1
    value, output = node.inputs[0], node.outputs[0]
    if node.op_type != "Reshape" or value is None or value.shape is None or output.shape is None:
        return False
    sizes, rest = output.shape, value.shape[1:]
    if len(sizes) != 2 or not all(isinstance(size, int) for size in rest):
        return False
    return sizes[1] == math.prod(size for size in rest if isinstance(size, int))


def _is_layer(node: ir.Node, channels: int, *, flat: bool) -> bool:
    """Whether a node multiplies `channels`, or so many times some pixels, with constant weights."""
    weight = constant(node.inputs[1]) if node.op_type in ("Conv", "Gemm", "MatMul") else None
    if weight is None or (node.op_type != "MatMul" and bias(node) is None):
        return False
    if node.op_type == "Conv":
        return bool(weight.shape[1] * node.attributes.get_int("group", 1) == channels)
    if node.op_type == "MatMul":
        shape = node.inputs[0].shape if node.inputs[0] is not None else None
        if weight.ndim != 2 or not (flat or (shape is not None and len(shape) == 2)):
            return False
    elif node.attributes.get_int("transA", 0):
        return False
    return weight.shape[1 if node.attributes.get_int("transB", 0) else 0] % channels == 0


def _is_padded(layer: ir.Node) -> bool:
    if layer.op_type != "Conv":
        return False
    if layer.attributes.get_string("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        weight = constant(layer.inputs[1])
        return weight is None or math.prod(weight.shape[2:]) > 1
    return any(layer.attributes.get_ints("pads", ()))


def _shift(node: ir.Node, line: Affine) -> bool:
    """Add c / k to what gives the input of `node`, a BatchNormalization. Gives False, changing nothing, if it can't."""
    value = node.inputs[0]
    producer = value.producer() if value is not None else None
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(line.offset == 0, 0, line.offset / line.factor)
    if producer is None or producer.domain != "" or not (np.abs(shift) <= LIMIT * line.size).all():
        return False
    if value is None or only_reader(value) is not node:
        return False
    if producer.op_type == "Conv" or affine(producer) is not None:
        index, constants = 2, bias(producer)  # BatchNormalization's shift is its input 2 as well
    elif producer.op_type == "Add" and value.shape is not None:
        index = 0 if constant(producer.inputs[0]) is not None else 1
        constants, shift = constant(producer.inputs[index]), shift.reshape(-1, *[1] * (len(value.shape) - 2))
    else:
        return False
    if constants is None:
        return False
    set_constant(producer, index, (constants + shift).astype(constants.dtype), f"{label(producer)}.bias")
    if isinstance(node.graph, ir.Graph):
        value.name = free_name(node.graph, f"{value.name}.shifted")  # it is not what it was
    return True


def _fold(layer: ir.Node, factor: Vector, offset: Vector) -> None:
    """Let `layer` multiply factor * x + offset where it multiplied x."""
    weight = constant(layer.inputs[1])
    assert weight is not None
    if layer.op_type == "Conv":
        scaled = times(weight, _for_outputs(factor, layer, weight.shape))
        shifted = weight.astype(np.float64) * _for_outputs(offset, layer, weight.shape)
        moved = shifted.reshape(len(weight), -1).sum(axis=1)
    else:
        transposed = layer.attributes.get_int("transB", 0)
        matrix = weight.T if transposed else weight  # (inputs, outputs)
        pixels = len(matrix) // len(factor)
        scaled = times(matrix, np.repeat(factor, pixels)[:, None])
        scaled = scaled.T if transposed else scaled
        # Column by column, as the matrix in float64 would be the largest thing in memory.
        moved = np.array([np.repeat(offset, pixels) @ column.astype(np.float64) for column in matrix.T])
    set_constant(layer, 1, scaled, f"{label(layer)}.weight")
    if not offset.any():
        return
    if layer.op_type == "MatMul":
        _add_bias(layer, moved.astype(weight.dtype))
        return
    old = bias(layer)
    assert old is not None
    alpha, beta = (layer.attributes.get_float(name, 1.0) for name in ("alpha", "beta"))
    layer.attributes.pop("beta", None)
    set_constant(layer, 2, (beta * old + alpha * moved).astype(weight.dtype), f"{label(layer)}.bias")


def _for_outputs(channels: Vector, layer: ir.Node, shape: tuple[int, ...]) -> Vector:
    """A number for each input channel as a Conv's weights are laid out: (outputs, inputs of one group, 1, ...)."""
    groups = layer.attributes.get_int("group", 1)
    grouped = np.repeat(channels.reshape(groups, -1), shape[0] // groups, axis=0)
    return grouped.reshape(*shape[:2], *[1] * (len(shape) - 2))


def _add_bias(layer: ir.Node, array: Array) -> None:
    """Put an Add behind a MatMul."""
    assert isinstance(layer.graph, ir.Graph)
    output = layer.outputs[0]
    product = ir.node("MatMul", layer.inputs, name=layer.name)
    product.outputs[0].name = free_name(layer.graph, f"{label(layer)}.product")
    product.outputs[0].shape, product.outputs[0].type = output.shape, output.type
    addend = add_constant(layer.graph, f"{label(layer)}.bias", array)
    name = free_name(layer.graph, f"{label(layer)}.add")
    replace(layer, [product, ir.node("Add", [product.outputs[0], addend], name=name)])
