"""Normalisation."""

from typing import Any

from ..trace import Graph, Symbol


def batch_normalization(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.BatchNorm in evaluation mode, (N, C) or (N, C, H, W) → BatchNormalization."""
    names = ("weight", "bias", "running_mean", "running_var")
    constants = [graph.constant(name, getattr(layer, name)) for name in names]
    return graph.node("BatchNormalization", [x, *constants], x.shape, epsilon=float(layer.eps))
