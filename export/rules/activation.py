"""Activations."""

from typing import Any

from ..trace import Graph, Symbol


def prelu(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.PReLU, a slope for each channel (axis 1) or one for all → PRelu."""
    slope = layer.weight.numpy()
    slope = slope.reshape(-1, *[1] * (len(x.shape) - 2)) if slope.size > 1 else slope
    return graph.node("PRelu", [x, graph.constant("weight", slope)], x.shape)


def relu(graph: Graph, _layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.ReLU → Relu."""
    return graph.node("Relu", [x], x.shape)


def sigmoid(graph: Graph, _layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Sigmoid → Sigmoid."""
    return graph.node("Sigmoid", [x], x.shape)
