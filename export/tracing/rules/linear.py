"""Matrix products and look-up tables."""

from typing import Any

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol
from ..symbolic_shapes import broadcast


def linear(graph: Graph, layer: Any, x: Symbol) -> Symbol:
    """jittor.nn.Linear on (..., F) → Gemm where there are two axes, else MatMul and Add."""
    weight = graph.constant(layer.weight, "weight")
    if x.shape[-1] != weight.shape[1]:
        raise ModelError(f"{graph.path}: {x.shape[-1]} features for a linear layer of {weight.shape[1]}")
    if len(x.shape) == 2:
        bias = [] if layer.bias is None else [graph.constant(layer.bias, "bias")]
        return graph.node("Gemm", [x, weight, *bias], (x.shape[0], weight.shape[0]), transB=1)
    product = matmul(graph, x, graph.constant(layer.weight.numpy().T.copy(), "weight_transposed"))
    return product if layer.bias is None else graph.call("add", product, layer.bias)


def matmul_transpose(graph: Graph, x: Any, y: Any) -> Symbol:
    """x times y transposed, which Jittor's functional `linear` is made of."""
    y = graph.symbol(y, "weight")
    turned = graph.node("Transpose", [y], (y.shape[1], y.shape[0]), y.dtype, perm=[1, 0])
    return matmul(graph, x, turned)


def matmul(graph: Graph, x: Any, y: Any) -> Symbol:
    """jittor.matmul and @ → MatMul; the product of two vectors has the shape (1,)."""
    x, y = graph.symbol(x), graph.symbol(y)
    if x.shape[-1] != y.shape[-2 if len(y.shape) > 1 else 0]:
        raise ModelError(f"{graph.path}: a product of matrices of shapes {tuple(x.shape)} and {tuple(y.shape)}")
    left = x.shape[:-1] if len(x.shape) > 1 else ()
    right = y.shape[-1:] if len(y.shape) > 1 else ()
    many = broadcast(left[:-1], y.shape[:-2]) if left[:-1] or y.shape[:-2] else ()
    product = graph.node("MatMul", [x, y], (*many, *left[-1:], *right), x.dtype)
    return product if product.shape else graph.call("reshape", product, (1,))


def embedding(graph: Graph, layer: Any, ids: Symbol) -> Symbol:
    """jittor.nn.Embedding, ids int → Gather."""
    return look_up(graph, ids, layer.weight)


def look_up(graph: Graph, ids: Any, weight: Any) -> Symbol:
    """jittor.nn.embedding(ids, weight)."""
    table, ids = graph.symbol(weight, "weight"), graph.symbol(ids)
    return graph.node("Gather", [table, ids], (*ids.shape, *table.shape[1:]), table.dtype, axis=0)


OPERATIONS: dict[str, Rule] = {
    "matmul": matmul,
    "bmm": matmul,
    "matmul_transpose": matmul_transpose,
    "bmm_transpose": lambda graph, x, y: matmul(graph, x, graph.call("transpose", y, -1, -2)),
    "embedding": look_up,
}
