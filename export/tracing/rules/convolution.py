"""Convolutions of one, two and three axes, and transposed ones."""

from collections.abc import Sequence
from typing import Any

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol


def convolution(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Conv, Conv1d and Conv3d, with groups, stride, padding and dilation → Conv."""
    axes = len(layer.weight.shape) - 2
    stride, padding, dilation = (value[:axes] for value in map(_list, (layer.stride, layer.padding, layer.dilation)))
    return convolve(graph, x, layer.weight, layer.bias, stride, padding, dilation, layer.groups)


def convolve(
    graph: Graph,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Symbol:
    """jittor.nn.conv2d and conv3d → Conv."""
    x, inputs = graph.symbol(x), _operands(graph, x, weight, bias)
    kernel = inputs[1].shape[2:]
    strides, pads, dilations = (_each(value, len(kernel)) for value in (stride, padding, dilation))
    if len(x.shape) != len(kernel) + 2:
        raise ModelError(f"{graph.path}: a convolution over {len(kernel)} axes of a value of shape {tuple(x.shape)}")
    if x.shape[1] != inputs[1].shape[1] * groups:
        raise ModelError(f"{graph.path}: {x.shape[1]} channels for a convolution of {inputs[1].shape[1] * groups}")
    size = [
        (x.shape[axis + 2] + 2 * pads[axis] - dilations[axis] * (kernel[axis] - 1) - 1) // strides[axis] + 1
        for axis in range(len(kernel))
    ]
    return graph.node(
        "Conv",
        inputs,
        (x.shape[0], inputs[1].shape[0], *size),
        kernel_shape=tuple(kernel),
        strides=strides,
        pads=pads * 2,
        dilations=dilations,
        group=groups,
    )


def transposed(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.ConvTranspose → ConvTranspose."""
    return convolve_transposed(
        graph,
        x,
        layer.weight,
        layer.bias,
        layer.stride,
        layer.padding,
        layer.output_padding,
        getattr(layer, "groups", 1),
        layer.dilation,
    )


def convolve_transposed(
    graph: Graph,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Symbol:
    """jittor.nn.conv_transpose and conv_transpose3d → ConvTranspose."""
    x, inputs = graph.symbol(x), _operands(graph, x, weight, bias)
    kernel = inputs[1].shape[2:]
    strides, pads, extra, dilations = (
        _each(value, len(kernel)) for value in (stride, padding, output_padding, dilation)
    )
    size = [
        (x.shape[axis + 2] - 1) * strides[axis]
        + extra[axis] - 2 * pads[axis] + 1 + (kernel[axis] - 1) * dilations[axis]
        for axis in range(len(kernel))
    ]  # fmt: skip
    return graph.node(
        "ConvTranspose",
        inputs,
        (x.shape[0], inputs[1].shape[1] * groups, *size),
        kernel_shape=tuple(kernel),
        strides=strides,
        pads=pads * 2,
        output_padding=extra,
        dilations=dilations,
        group=groups,
    )


def _operands(graph: Graph, x: Any, weight: Any, bias: Any) -> list[Symbol]:
    operands = [graph.symbol(x), graph.symbol(weight, "weight")]
    return operands if bias is None else [*operands, graph.symbol(bias, "bias")]


def _list(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) else value


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * axes


OPERATIONS: dict[str, Rule] = {
    "conv2d": convolve,
    "conv3d": convolve,
    "conv_transpose": convolve_transposed,
    "conv_transpose3d": convolve_transposed,
}
