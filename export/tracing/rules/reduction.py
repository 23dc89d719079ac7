"""Sums, means and extremes along axes. Over all axes the result has the shape (1,), as in Jittor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol
from ..symbolic_shapes import BatchSize


def reduced(op_type: str) -> Rule:
    def rule(
        graph: Graph, x: Any, dim: Any = None, keepdims: bool = False, *, dims: Any = None, keepdim: bool = False
    ) -> Symbol:
        return _reduce(graph, op_type, graph.symbol(x), dim if dims is None else dims, bool(keepdims or keepdim))

    return rule


def by_name(graph: Graph, x: Any, op: str, dim: Any = None, keepdims: bool = False, *, dims: Any = None) -> Symbol:
    """x.reduce("mean", axes)."""
    if str(op) not in REDUCTIONS:
        raise ModelError(f"{graph.path}: reduce with {op!r} can't be exported")
    return _reduce(graph, REDUCTIONS[str(op)], graph.symbol(x), dim if dims is None else dims, keepdims)


def _reduce(graph: Graph, op_type: str, x: Symbol, dim: Any, keep: bool) -> Symbol:
    if dim is None or (isinstance(dim, Sequence) and not len(dim)):
        axes = list(range(len(x.shape)))
    else:
        axes = sorted(int(axis) % len(x.shape) for axis in (dim if isinstance(dim, Sequence) else [dim]))
    if op_type != "ReduceSum" and np.dtype(x.dtype).kind not in "fi":
        x = graph.cast(x, "float32")
    if op_type == "ReduceMean" and np.dtype(x.dtype).kind == "i":
        x = graph.cast(x, "float32")
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    shape = kept if keep else [size for axis, size in enumerate(x.shape) if axis not in axes]
    if op_type == "ReduceSum":  # whose axes are an operand since opset 13
        operand = graph.constant(np.array(axes, dtype=np.int64), "axes")
        result = graph.node(op_type, [x, operand], shape, x.dtype, keepdims=int(keep))
    else:
        result = graph.node(op_type, [x], shape, x.dtype, axes=axes, keepdims=int(keep))
    return result if shape else graph.node("Reshape", [result, graph.shape_tensor((1,))], (1,), x.dtype)


def extreme(op_type: str, value: str) -> Rule:
    """argmax and argmin: the index and the value, as Jittor gives them."""

    def rule(graph: Graph, x: Any, dim: int | None = None, keepdims: bool = False) -> tuple[Symbol, Symbol]:
        x = graph.symbol(x)
        if dim is None:
            if any(isinstance(size, BatchSize) for size in x.shape):
                raise ModelError(
                    f"{graph.path}: {op_type} over the batch as well can't be exported", remedy="name an axis"
                )
            x, dim = graph.call("reshape", x, (-1,)), 0
        values = _reduce(graph, value, x, dim, keepdims)
        index = graph.node(op_type, [x], values.shape, "int64", axis=dim, keepdims=int(keepdims))
        return graph.cast(index, "int32"), values

    return rule


REDUCTIONS = {
    "mean": "ReduceMean", "sum": "ReduceSum", "add": "ReduceSum", "max": "ReduceMax", "maximum": "ReduceMax",
    "min": "ReduceMin", "minimum": "ReduceMin", "prod": "ReduceProd", "product": "ReduceProd", "multiply": "ReduceProd",
}  # fmt: skip
OPERATIONS: dict[str, Rule] = {
    **{name: reduced(REDUCTIONS[name]) for name in ("mean", "sum", "max", "min", "prod", "product")},
    **{f"reduce_{name}": reduced(REDUCTIONS[name]) for name in ("add", "maximum", "minimum", "multiply")},
    "reduce": by_name,
    "argmax": extreme("ArgMax", "ReduceMax"),
    "argmin": extreme("ArgMin", "ReduceMin"),
}
