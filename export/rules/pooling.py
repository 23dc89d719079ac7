"""Pooling."""

from typing import Any

from ...errors import ModelError
from ..trace import Graph, Symbol


def pool(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Pool of the maximum, with stride and padding → MaxPool."""
    if layer.op != "maximum" or layer.ceil_mode or layer.return_indices:
        raise ModelError(f"{graph.path}: Pool can be exported with op='maximum', without ceil_mode and return_indices")
    size = tuple(
        (x.shape[axis + 2] + 2 * layer.padding[axis] - layer.kernel_size[axis]) // layer.stride[axis] + 1
        for axis in (0, 1)
    )
    return graph.node(
        "MaxPool",
        [x],
        (*x.shape[:2], *size),
        kernel_shape=layer.kernel_size,
        strides=layer.stride,
        pads=layer.padding * 2,
    )


def adaptive_avg_pool(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.AdaptiveAvgPool2d to one pixel → GlobalAveragePool."""
    if layer.output_size not in (1, (1, 1), [1, 1]):
        raise ModelError(f"{graph.path}: AdaptiveAvgPool2d to {layer.output_size} can't be exported, only to 1")
    return graph.node("GlobalAveragePool", [x], (*x.shape[:2], 1, 1))
