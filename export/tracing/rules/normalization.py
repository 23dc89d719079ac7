"""Normalisation layers."""

from typing import Any

import numpy as np

from ....errors import ModelError
from ..symbolic_graph import Graph, Symbol


def batch_normalization(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.BatchNorm in evaluation mode, channels on axis 1 → BatchNormalization."""
    statistics = [graph.constant(getattr(layer, name), name) for name in ("running_mean", "running_var")]
    inputs = [x, *_affine(graph, layer, statistics[0].shape), *statistics]
    return graph.node("BatchNormalization", inputs, x.shape, epsilon=float(layer.eps))


def instance_normalization(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.InstanceNorm, channels on axis 1 → InstanceNormalization."""
    return graph.node(
        "InstanceNormalization", [x, *_affine(graph, layer, (x.shape[1],))], x.shape, epsilon=float(layer.eps)
    )


def layer_normalization(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.LayerNorm over the last axes → LayerNormalization."""
    shape = layer.normalized_shape
    if tuple(x.shape[-len(shape) :]) != tuple(shape):
        raise ModelError(f"{graph.path}: LayerNorm over {shape} of a value of shape {tuple(x.shape)}")
    inputs = [x, *_affine(graph, layer, shape)]
    return graph.node("LayerNormalization", inputs, x.shape, axis=-len(shape), epsilon=float(layer.eps))


def group_normalization(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.GroupNorm: each group of channels is one instance with one channel → InstanceNormalization, then scale
    and shift for each channel. (ONNX's own GroupNormalization came with a later opset.)"""
    groups = layer.num_groups
    rows = graph.call("reshape", x, (x.shape[0], groups, -1))
    one, zero = (graph.constant(np.full(groups, value, np.float32), name) for value, name in ((1, "one"), (0, "zero")))
    normal = graph.node("InstanceNormalization", [rows, one, zero], rows.shape, epsilon=float(layer.eps))
    result = graph.call("reshape", normal, x.shape)
    if not layer.affine:
        return result
    shape = (-1, *[1] * (len(x.shape) - 2))
    weight, bias = (getattr(layer, name).numpy().reshape(shape) for name in ("weight", "bias"))
    return graph.call("add", graph.call("multiply", result, weight), bias)


def _affine(graph: Graph, layer: Any, shape: Any) -> list[Symbol]:
    """Scale and shift; ones and zeros where the layer has none."""
    values = (getattr(layer, name) for name in ("weight", "bias"))
    return [
        graph.constant(np.full(tuple(shape), value, np.float32) if isinstance(value, int | float) else value, name)
        for value, name in zip(values, ("weight", "bias"), strict=True)
    ]
