"""Fully connected layers."""

from typing import Any

from ...errors import ModelError
from ..trace import Graph, Symbol


def linear(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Linear on (N, F) → Gemm."""
    if len(x.shape) != 2:
        raise ModelError(f"{graph.path}: Linear on {len(x.shape)} axes can't be exported; flatten its input to (N, F)")
    inputs = [x, graph.constant("weight", layer.weight)]
    if layer.bias is not None:
        inputs.append(graph.constant("bias", layer.bias))
    return graph.node("Gemm", inputs, (x.shape[0], layer.weight.shape[0]), transB=1)
