"""Activations for which ONNX has an operation; the others come down to arithmetic by themselves."""

from typing import Any

import numpy as np

from ..symbolic_graph import Graph, Rule, Symbol


def prelu(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.PReLU, a slope for each channel (axis 1) or one for all → PRelu."""
    slope = layer.weight.numpy()
    slope = slope.reshape(-1, *[1] * (len(x.shape) - 2)) if slope.size > 1 else slope
    return graph.node("PRelu", [x, graph.constant(slope, "weight")], x.shape)


def relu(graph: Graph, x: Symbol) -> Symbol:
    return graph.node("Relu", [x], x.shape, x.dtype)


def leaky_relu(graph: Graph, x: Symbol, scale: float = 0.01) -> Symbol:
    return graph.node("LeakyRelu", [x], x.shape, x.dtype, alpha=float(scale))


def relu6(graph: Graph, x: Symbol) -> Symbol:
    bounds = [graph.constant(np.float32(value), name) for value, name in ((0, "min"), (6, "max"))]
    return graph.node("Clip", [x, *bounds], x.shape, x.dtype)


def elu(graph: Graph, x: Symbol, alpha: float = 1.0) -> Symbol:
    return graph.node("Elu", [x], x.shape, x.dtype, alpha=float(alpha))


def softmax(graph: Graph, x: Symbol, dim: int | None = None, log: bool = False) -> Symbol:
    """Along one axis; without `dim`, over all values."""
    op_type = "LogSoftmax" if log else "Softmax"
    if dim is not None:
        return graph.node(op_type, [x], x.shape, x.dtype, axis=int(dim))
    flat = graph.call("reshape", x, (1, -1))
    return graph.call("reshape", graph.node(op_type, [flat], flat.shape, x.dtype, axis=1), x.shape)


def log_softmax(graph: Graph, x: Symbol, dim: int | None = None) -> Symbol:
    return softmax(graph, x, dim, log=True)


OPERATIONS: dict[str, Rule] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "relu6": relu6,
    "elu": elu,
    "softmax": softmax,
    "log_softmax": log_softmax,
}
