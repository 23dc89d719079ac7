"""Layers that change a value's shape, or nothing at all."""

from typing import Any

from ...errors import ModelError
from ..trace import Graph, Symbol


def flatten(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Flatten of all axes but the batch's → Reshape."""
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise ModelError(f"{graph.path}: Flatten can be exported with start_dim=1 and end_dim=-1, so as to (N, F)")
    return graph.reshape(x, (x.shape[0], -1))


def dropout(_graph: Graph, _layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Dropout in evaluation mode → nothing."""
    return x
