"""Convolution."""

from typing import Any

from ..trace import Graph, Symbol


def convolution(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Conv, 2-D, with groups, stride, padding and dilation → Conv."""
    inputs = [x, graph.constant("weight", layer.weight)]
    if layer.bias is not None:
        inputs.append(graph.constant("bias", layer.bias))
    kernel, stride = tuple(layer.weight.shape[2:]), _pair(layer.stride)
    padding, dilation = _pair(layer.padding), _pair(layer.dilation)
    size = tuple(
        (x.shape[axis + 2] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis] + 1
        for axis in (0, 1)
    )
    return graph.node(
        "Conv",
        inputs,
        (x.shape[0], layer.weight.shape[0], *size),
        kernel_shape=kernel,
        strides=stride,
        pads=padding * 2,
        dilations=dilation,
        group=layer.groups,
    )


def _pair(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)
