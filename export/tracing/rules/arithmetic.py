"""Element-wise arithmetic and comparisons."""

from typing import Any

import numpy as np

from ....errors import ModelError
from ..symbolic_graph import Graph, Rule, Symbol


def together(graph: Graph, *values: Any) -> list[Symbol]:
    """Operands in one type, as Jittor has it: a Python number takes the other's; integers beside floats become such."""
    dtypes = [
        np.dtype(value.dtype if isinstance(value, Symbol) else str(value.dtype)) for value in values if _typed(value)
    ]
    if any(isinstance(value, float) for value in values):
        dtypes = [dtype if dtype.kind == "f" else np.dtype("float32") for dtype in dtypes]
    if not dtypes:
        dtypes = [np.dtype("float32")]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    dtype = str(max(floats or dtypes, key=lambda kind: (kind.kind != "b", kind.itemsize)))
    numbers = [value if _typed(value) else graph.constant(value, dtype=dtype) for value in values]
    return [graph.cast(graph.symbol(value), dtype) for value in numbers]


def _typed(value: Any) -> bool:
    return hasattr(value, "dtype")


def _binary(op_type: str) -> Rule:
    def rule(graph: Graph, x: Any, y: Any) -> Symbol:
        x, y = together(graph, x, y)
        return graph.node(op_type, [x, y], graph.broadcast(x, y), x.dtype)

    return rule


def _comparison(op_type: str) -> Rule:
    def rule(graph: Graph, x: Any, y: Any) -> Symbol:
        x, y = together(graph, x, y)
        return graph.node(op_type, [x, y], graph.broadcast(x, y), "bool")

    return rule


def _unary(op_type: str) -> Rule:
    def rule(graph: Graph, x: Any) -> Symbol:
        x = _floating(graph, graph.symbol(x))
        return graph.node(op_type, [x], x.shape, x.dtype)

    return rule


def _of_any_type(op_type: str) -> Rule:
    def rule(graph: Graph, x: Any) -> Symbol:
        x = graph.symbol(x)
        return graph.node(op_type, [x], x.shape, x.dtype)

    return rule


def _floating(graph: Graph, x: Symbol) -> Symbol:
    return x if np.dtype(x.dtype).kind == "f" else graph.cast(x, "float32")


def divide(graph: Graph, x: Any, y: Any) -> Symbol:
    """Jittor's x / y of integers is a float."""
    x, y = together(graph, x, y)
    x, y = _floating(graph, x), _floating(graph, y)
    return graph.node("Div", [x, y], graph.broadcast(x, y), x.dtype)


def power(graph: Graph, x: Any, y: Any) -> Symbol:
    """A square is a product, as Jittor has it."""
    if isinstance(x, Symbol) and isinstance(y, int | float) and y == 2:
        return graph.node("Mul", [x, x], x.shape, x.dtype)
    x, y = together(graph, x, y)
    return graph.node("Pow", [x, y], graph.broadcast(x, y), x.dtype)


def not_equal(graph: Graph, x: Any, y: Any) -> Symbol:
    x = graph.call("equal", x, y)
    return graph.node("Not", [x], x.shape, "bool")


def _logical(op_type: str) -> Rule:
    def rule(graph: Graph, x: Any, y: Any) -> Symbol:
        x, y = (graph.cast(graph.symbol(value), "bool") for value in (x, y))
        return graph.node(op_type, [x, y], graph.broadcast(x, y), "bool")

    return rule


def _bitwise(name: str, logical: Rule) -> Rule:
    """On conditions alone, for which & and | are written in Python."""

    def rule(graph: Graph, x: Any, y: Any) -> Any:
        if {graph.symbol(value).dtype for value in (x, y)} != {"bool"}:
            raise ModelError(f"{graph.path}: {name} of numbers can't be exported, only of conditions")
        return logical(graph, x, y)

    return rule


def logical_not(graph: Graph, x: Any) -> Symbol:
    x = graph.cast(graph.symbol(x), "bool")
    return graph.node("Not", [x], x.shape, "bool")


def floor_divide(graph: Graph, x: Any, y: Any) -> Symbol:
    """On floats alone: ONNX divides integers towards 0."""
    x, y = together(graph, x, y)
    if np.dtype(x.dtype).kind != "f":
        raise ModelError(f"{graph.path}: // of integers can't be exported, only of floats")
    return graph.call("floor", divide(graph, x, y))


def choose(graph: Graph, condition: Any, x: Any, y: Any) -> Symbol:
    """Jittor's ternary and where: x where the condition holds, else y."""
    condition = graph.cast(graph.symbol(condition), "bool")
    x, y = together(graph, x, y)
    return graph.node("Where", [condition, x, y], graph.broadcast(condition, x, y), x.dtype)


def where(graph: Graph, condition: Any, x: Any = None, y: Any = None) -> Symbol:
    if x is None or y is None:
        raise ModelError(
            f"{graph.path}: where with a condition alone gives as many values as the data has; it can't be exported"
        )
    return choose(graph, condition, x, y)


def _to(dtype: str) -> Rule:
    def rule(graph: Graph, x: Any) -> Symbol:
        return graph.cast(graph.symbol(x), dtype)

    return rule


def cast(graph: Graph, x: Any, op: Any = None, dtype: Any = None) -> Symbol:
    """x.cast(type), x.astype(type), x.unary(type)."""
    name = str(op if op is not None else dtype)
    if name in graph.operations and name not in TYPES and op is not None:
        return graph.call(name, x)
    return graph.cast(graph.symbol(x), TYPES.get(name, name))


def _floor_int(graph: Graph, x: Any) -> Symbol:
    return graph.cast(graph.call("floor", x), "int32")


def _same(graph: Graph, x: Any, *_args: Any, **_kwargs: Any) -> Symbol:
    """What changes nothing about the values: clone, stop_grad and their kin."""
    return graph.symbol(x)


TYPES = {
    "float32": "float32", "float": "float32", "float64": "float64", "double": "float64", "float16": "float16",
    "half": "float16", "int32": "int32", "int": "int32", "int64": "int64", "long": "int64", "bool": "bool",
    "uint8": "uint8", "int8": "int8",
}  # fmt: skip
_AND, _OR, _XOR = _logical("And"), _logical("Or"), _logical("Xor")
_FLOAT_FUNCTIONS = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sigmoid": "Sigmoid", "tanh": "Tanh", "erf": "Erf", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "asin": "Asin", "arcsin": "Asin", "acos": "Acos", "arccos": "Acos", "atan": "Atan",
    "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh",
    "floor": "Floor", "ceil": "Ceil",
}  # fmt: skip
_UNCHANGED = (
    "clone",
    "copy",
    "detach",
    "stop_grad",
    "start_grad",
    "stop_fuse",
    "contiguous",
    "cpu",
    "cuda",
    "tape",
    "array",
)

OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(("add",), _binary("Add")),
    **dict.fromkeys(("subtract", "sub"), _binary("Sub")),
    **dict.fromkeys(("multiply", "mul"), _binary("Mul")),
    **dict.fromkeys(("divide", "div"), divide),
    "maximum": _binary("Max"), "minimum": _binary("Min"), "pow": power, "floor_divide": floor_divide,
    "less": _comparison("Less"), "less_equal": _comparison("LessOrEqual"), "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"), "equal": _comparison("Equal"), "not_equal": not_equal,
    "ne": not_equal, "logical_and": _AND, "logical_or": _OR, "logical_xor": _XOR, "logical_not": logical_not,
    "bitwise_and": _bitwise("&", _AND), "bitwise_or": _bitwise("|", _OR), "bitwise_xor": _bitwise("^", _XOR),
    "negative": _of_any_type("Neg"), "abs": _of_any_type("Abs"), "floor_int": _floor_int,
    "ternary": choose, "ternary_out_hint": choose, "where": where, "cast": cast, "astype": cast, "unary": cast,
    **{name: _unary(op_type) for name, op_type in _FLOAT_FUNCTIONS.items()},
    **{name: _to(dtype) for name, dtype in TYPES.items()},
    **dict.fromkeys(("_to_float", "float_auto"), lambda graph, x: _floating(graph, graph.symbol(x))),
    **dict.fromkeys(_UNCHANGED, _same),
}  # fmt: skip
