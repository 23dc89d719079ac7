"""Weights and arithmetic in 8 bits, for processors: static, weights per channel, calibrated on real crops.

The file holds QuantizeLinear and DequantizeLinear around operators of float32 (QDQ); onnxruntime makes int8 kernels of
them when it loads the file. Values are uint8, one scale and zero point each; weights int8, a scale for each output
channel, zero point 0; biases int32. The first and the last value stay float32, and so does what has no int8 kernel.

Neighbouring weights have at most 127 together. Processors without VNNI add two products of 8 by 8 bits in 16, where
they overflow without a word: with 127 for each, the cosine to float32 of SFace's network is 0.91 on such a processor
and 0.996 on others. Half of it for each, as onnxruntime advises (`reduce_range`), gives 0.994 on any, this 0.995; of
IR_50 with drawn weights 0.991 and 0.994. Depthwise convolutions are summed in 32 bits everywhere.

uint8 values because onnxruntime's kernels for x86 want them: with int8 values MobileFaceNet takes 2.7 times as long as
in float32 on a processor without VNNI.

A value's range is the SHARE quantile of the crops' maxima and minima, not their extremes, which one odd crop decides.
Cosine of MobileFaceNet and of SFace: extremes 0.9989, 0.9936; the median 0.9988, 0.9953; this 0.9993, 0.9950.
Percentiles and entropy of all numbers, as onnxruntime's quantizer has them, gain no more and take its time and memory.
"""

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript import version_converter

from ...errors import ModelError
from ...model_files.metadata import Preprocess
from ..passes.graph_edits import Array, add_constant, bias, constant, free_name, label, only_reader
from .batchnorm_convolution import batchnorm_to_convolution
from .calibration_crops import evenly
from .equalization import equalize, is_depthwise
from .prelu_int8 import recover_prelu, rewrite_prelu_for_int8
from .value_ranges import check_crops, measure_ranges

CROPS = 200
SHARE = 0.9
STEPS = 127  # of a weight, to each side of zero
LEAST_OPSET, OPSET = 13, 17  # before 13, a scale for each channel can't be said

# Operators with an int8 kernel that computes with the grids of its inputs and its output; and those that only move
# numbers, whose output has the grid of its input.
COMPUTING = ("Add", "Mul", "GlobalAveragePool", "Sigmoid")
MOVING = ("Flatten", "Reshape", "MaxPool")


def to_int8(model: ir.Model, crops: npt.NDArray[np.uint8], preprocess: Preprocess = "raw") -> ir.Model:
    """A copy of a face network, float32 as the passes leave it, in int8.

    crops: uint8 (N, S, S, 3) RGB, real faces; of more than CROPS as many are taken, evenly. Memory doesn't grow with N.
    The same model and crops give the same file. Metadata and the names of input and output are kept.

    Raises UsageError where there is no crop or crops have another size, ModelError where the model has nothing that
    could be quantised, or computes what is not finite.
    """
    shape = model.graph.inputs[0].shape
    check_crops(crops, shape[2] if shape is not None and len(shape) == 4 else "?")
    chosen = crops[list(evenly(len(crops), CROPS))]
    model = model.clone()
    if model.opset_imports[""] < LEAST_OPSET:
        version_converter.convert_version(model, OPSET, fallback=True)
    recover_prelu(model)
    batchnorm_to_convolution(model)
    equalize(model, chosen, preprocess)
    rewrite_prelu_for_int8(model)
    sources = _quantised_values(model)
    if not sources:
        raise ModelError("the network has no layer with constant float32 weights to quantise; is it quantised already?")
    grids = _grids(model, sources, chosen, preprocess)
    for node in tuple(model.graph):
        if (x := node.inputs[0] if node.inputs else None) is not None and _has_weights(node):
            _quantise_weights(model.graph, node, grids[x])
    for value, grid in grids.items():
        _insert(model.graph, value, grid)
    RemoveUnusedNodesPass()(model)
    return model


class Grid:
    """The numbers scale * (q - zero), q = 0 .. 255, of which 0 is one. Scale and zero are constants in the graph."""

    def __init__(self, graph: ir.Graph, name: str, low: float, high: float) -> None:
        low, high = min(low, 0.0), max(high, 0.0)
        scale = np.float32((high - low) / 255) or np.float32(1)
        self.scale = float(scale)
        zero = np.uint8(np.clip(np.round(-low / self.scale), 0, 255))
        self.constants = [
            add_constant(graph, f"{name}.scale", np.array(scale)),
            add_constant(graph, f"{name}.zero", np.array(zero)),
        ]


def _has_weights(node: ir.Node) -> bool:
    """Whether onnxruntime has an int8 kernel for a node and its weights."""
    if node.domain != "" or node.op_type not in ("Conv", "Gemm", "MatMul"):
        return False
    weight = constant(node.inputs[1])
    if weight is None or weight.dtype != np.float32 or constant(node.inputs[0]) is not None:
        return False
    if node.op_type == "Gemm":
        factors = [node.attributes.get_float(name, 1.0) for name in ("alpha", "beta")]
        return factors == [1.0, 1.0] and not node.attributes.get_int("transA", 0) and bias(node) is not None
    return weight.ndim == 2 if node.op_type == "MatMul" else bias(node) is not None


def _quantised_values(model: ir.Model) -> dict[ir.Value, ir.Value | None]:
    """The values that get a grid: what a layer with weights reads, what a Conv or another operator with an int8 kernel
    gives. Each with the value whose grid it takes over, where it only moves that."""
    sources: dict[ir.Value, ir.Value | None] = {}
    for node in model.graph:
        output, first = node.outputs[0], node.inputs[0] if node.inputs else None
        if first is not None and _has_weights(node):
            sources.setdefault(first, None)
            results = node.op_type == "Conv"  # the others have kernels that give float32
        else:
            results = node.domain == "" and node.op_type in COMPUTING and all(x in sources for x in node.inputs)
        relu = only_reader(output)
        if results and relu is not None and relu.op_type == "Relu":
            output = relu.outputs[0]  # the grid begins at 0, so that the kernel computes Relu as well
        if output.is_graph_output():
            continue
        if results:
            sources.setdefault(output, None)
        elif node.domain == "" and node.op_type in MOVING and first in sources and len(node.outputs) == 1:
            sources.setdefault(output, first)
    return sources


def _grids(
    model: ir.Model,
    sources: dict[ir.Value, ir.Value | None],
    crops: npt.NDArray[np.uint8],
    preprocess: Preprocess,
) -> dict[ir.Value, Grid]:
    own = [value for value, source in sources.items() if source is None]
    found = np.array(list(measure_ranges(model, own, crops, preprocess)))  # (crops, values, 2)
    lows, highs = np.quantile(found[:, :, 0], 1 - SHARE, axis=0), np.quantile(found[:, :, 1], SHARE, axis=0)
    grids: dict[ir.Value, Grid] = {}
    for value, low, high in zip(own, lows.tolist(), highs.tolist(), strict=True):
        grids[value] = Grid(model.graph, str(value.name), low, high)
    for value, source in sources.items():
        if source is not None:
            grids[value] = grids[source]
    return grids


def _quantise_weights(graph: ir.Graph, layer: ir.Node, grid: Grid) -> None:
    """Let a layer read int8 weights, and an int32 bias in steps of the scales of its input and its weights."""
    weight, offset = constant(layer.inputs[1]), bias(layer) if layer.op_type != "MatMul" else np.zeros(1)
    assert weight is not None and offset is not None
    transposed = layer.attributes.get_int("transB", 0)
    axis = 0 if layer.op_type == "Conv" or transposed else weight.ndim - 1
    rows = np.moveaxis(weight.astype(np.float64), axis, 0)  # (outputs, ...)
    largest = np.abs(rows).reshape(len(rows), -1).max(axis=1)
    if layer.op_type != "Conv" or not is_depthwise(layer):
        largest = np.maximum(largest, _largest_pair(rows))
    offset = np.broadcast_to(offset.astype(np.float64), len(rows))
    # The second: a bias far above its channel's weights has to fit into 32 bits.
    scale = np.maximum(largest / STEPS, np.abs(offset) / grid.scale / 2**30)
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    rounded = np.round(rows / scale.astype(np.float64).reshape(-1, *[1] * (rows.ndim - 1))).astype(np.int8)
    _dequantise(graph, layer, 1, np.moveaxis(rounded, 0, axis), scale, axis)
    if offset.any():
        bias_scale = (scale.astype(np.float64) * grid.scale).astype(np.float32)
        _dequantise(graph, layer, 2, np.round(offset / bias_scale).astype(np.int32), bias_scale, 0)


def _largest_pair(rows: Array) -> Array:
    """The largest sum, for each row (R, ...), of two neighbours of one sign.

    Neighbours in either order in which kernels walk through a row (C, ...): pixels of a channel, channels of a pixel.
    """
    largest = np.zeros(len(rows))
    for order in (rows, np.moveaxis(rows, 1, -1)):
        flat = order.reshape(len(rows), -1)
        for part in (np.maximum(flat, 0), np.maximum(-flat, 0)):
            largest = np.maximum(largest, (part[:, :-1] + part[:, 1:]).max(axis=1, initial=0))
    return largest


def _dequantise(graph: ir.Graph, layer: ir.Node, index: int, array: Array, scale: Array, axis: int) -> None:
    """Let input `index` of `layer` be integers times scales along an axis."""
    name = f"{label(layer)}.{'weight' if index == 1 else 'bias'}"
    inputs = [add_constant(graph, f"{name}.quantised", array), add_constant(graph, f"{name}.scale", scale)]
    if index == 1:  # without zero points for weights, onnxruntime has no int8 kernel for Gemm, or one that fails (1.23)
        inputs.append(add_constant(graph, f"{name}.zero", np.zeros(len(scale), array.dtype)))
    node = ir.node("DequantizeLinear", inputs, {"axis": axis}, name=f"{name}.DequantizeLinear")
    _describe(node, free_name(graph, f"{name}.dequantised"), ir.DataType.FLOAT, ir.Shape(array.shape))
    layer.prepend(node)
    layer.replace_input_with(index, node.outputs[0])


def _insert(graph: ir.Graph, value: ir.Value, grid: Grid) -> None:
    """Round `value` to its grid for all that read it."""
    readers, producer = tuple(value.uses()), value.producer()
    to, back = "QuantizeLinear", "DequantizeLinear"
    quantise = ir.node(to, [value, *grid.constants], name=f"{value.name}.{to}")
    _describe(quantise, free_name(graph, f"{value.name}.quantised"), ir.DataType.UINT8, value.shape)
    dequantise = ir.node(back, [quantise.outputs[0], *grid.constants], name=f"{value.name}.{back}")
    _describe(dequantise, free_name(graph, f"{value.name}.dequantised"), ir.DataType.FLOAT, value.shape)
    for node, index in readers:
        node.replace_input_with(index, dequantise.outputs[0])
    if producer is None:
        graph.insert_before(graph[0], [quantise, dequantise])
    else:
        producer.append([quantise, dequantise])


def _describe(node: ir.Node, name: str, dtype: ir.DataType, shape: ir.Shape | None) -> None:
    output = node.outputs[0]
    output.name, output.dtype, output.shape = name, dtype, shape
