"""The ONNX graph while it is written, and the symbolic values in it."""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import jittor as jt
import numpy as np
import onnx_ir as ir

from ...errors import ModelError
from .symbolic_shapes import BatchSize, Shape, broadcast

OPSET = 17
# The format of the file that goes with opset 17; the newest that OpenCV 4.8 and onnxruntime of 2022 read.
IR_VERSION = 8

# A rule adds nodes to the graph: rule(graph, layer, *inputs) for a kind of layer, rule(graph, *arguments) for a
# function.
Rule = Callable[..., Any]


class Symbol:
    """A value of the graph, in place of a Var. `shape` is that of the traced run; a BatchSize in it is free.

    What a Var can do it can do as far as there is a rule, or a function in Python that comes down to such.
    """

    def __init__(self, graph: "Graph", value: ir.Value, shape: Sequence[int], dtype: str) -> None:
        self.graph = graph
        self.value = value
        self.shape = Shape(shape)
        self.dtype = dtype  # as NumPy names it

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def dim(self) -> int:
        return len(self.shape)

    def numel(self) -> int:
        return int(np.prod(self.shape))

    @property
    def data(self) -> "Symbol":
        """Itself: `x.data.shape` is a common way to ask for the shape; the values of it can't be had."""
        return self

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return self.graph.call("getitem", self, index)

    def __neg__(self) -> Any:
        return self.graph.call("negative", self)

    def __abs__(self) -> Any:
        return self.graph.call("abs", self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a question about what it is, such as NumPy's; it's nothing special
            raise AttributeError(name)
        if name in self.graph.operations:
            return partial(self.graph.call, name, self)
        function = getattr(jt.Var, name, None)
        if isinstance(function, types.FunctionType) and not name.endswith("_"):
            return partial(function, self)
        raise ModelError(f"{self.graph.path}: the operation {name!r} has no rule and can't be exported")

    def _depends(self, *_args: Any) -> Any:
        raise ModelError(f"{self.graph.path}: a condition or a number that depends on the data can't be exported")

    def _changes(self, *_args: Any) -> Any:
        raise ModelError(
            f"{self.graph.path}: a value that is changed in place can't be exported", remedy="make a new one"
        )

    __bool__ = __int__ = __float__ = __index__ = __array__ = item = numpy = tolist = _depends
    __setitem__ = assign = update = _changes
    # Comparing makes a new value, so a Symbol can't be found by it.
    __hash__ = object.__hash__


# Python's operators, and the names of Jittor's functions for them.
OPERATORS = {
    "__add__": "add", "__sub__": "subtract", "__mul__": "multiply", "__truediv__": "divide", "__pow__": "pow",
    "__floordiv__": "floor_divide", "__mod__": "mod", "__matmul__": "matmul", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__lt__": "less", "__le__": "less_equal", "__gt__": "greater", "__ge__": "greater_equal",
    "__eq__": "equal", "__ne__": "not_equal",
}  # fmt: skip
COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")


def _operator(name: str, swap: bool) -> Callable[[Symbol, Any], Any]:
    def call(self: Symbol, other: Any) -> Any:
        return self.graph.call(name, other, self) if swap else self.graph.call(name, self, other)

    return call


for _method, _name in OPERATORS.items():
    setattr(Symbol, _method, _operator(_name, swap=False))
    if _method not in COMPARISONS:
        setattr(Symbol, f"__r{_method[2:]}", _operator(_name, swap=True))


class Graph:
    """The graph while it is written. `path` is that of the layer at work, such as "res_3.model.block0"."""

    def __init__(self, operations: Mapping[str, Rule]) -> None:
        self.operations = operations
        self.inputs: list[Symbol] = []
        self.nodes: list[ir.Node] = []
        self.initializers: list[ir.Value] = []
        self._names: list[str] = []
        self._used: dict[str, int] = {}
        self._vars: dict[int, tuple[Any, Symbol]] = {}

    @property
    def path(self) -> str:
        """For messages."""
        return (self._names[-1] if self._names else "") or "the module"

    @contextmanager
    def inside(self, path: str | None) -> Iterator[None]:
        """While the layer at `path` is at work; None: one that was made on the spot, which is a part of its maker."""
        self._names.append((self._names[-1] if self._names else "") if path is None else path)
        try:
            yield
        finally:
            self._names.pop()

    def _unique(self, name: str) -> str:
        full = ".".join([*(path for path in self._names[-1:] if path), name])
        count = self._used[full] = self._used.get(full, 0) + 1
        return full if count == 1 else f"{full}_{count}"

    def call(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """The rule of an operation, such as "add"."""
        if (rule := self.operations.get(operation)) is None:
            raise ModelError(f"{self.path}: the operation {operation!r} has no rule and can't be exported")
        return rule(self, *args, **kwargs)

    def input(self, name: str, shape: Sequence[int], dtype: str) -> Symbol:
        """One more input of the graph."""
        self._used[name] = 1
        symbol = self._symbol(name, shape, dtype)
        self.inputs.append(symbol)
        return symbol

    def _symbol(self, name: str, shape: Sequence[int], dtype: str) -> Symbol:
        return self._typed(ir.Value(name=name), shape, dtype)

    def _typed(self, value: ir.Value, shape: Sequence[int], dtype: str) -> Symbol:
        value.shape = ir.Shape([_axis(size) for size in shape])
        value.dtype = ir.DataType.from_numpy(np.dtype(dtype))
        return Symbol(self, value, shape, dtype)

    def constant(self, value: Any, name: str = "constant", dtype: str | None = None) -> Symbol:
        """A constant: a Var, an array or a number. `name` is told apart by the layer's path. A Var is stored once."""
        if isinstance(value, jt.Var) and (known := self._vars.get(id(value))) is not None:
            return known[1]
        array = np.asarray(value.numpy() if isinstance(value, jt.Var) else value, dtype=dtype)
        full = self._unique(name)
        symbol = self._symbol(full, array.shape, str(array.dtype))
        symbol.value.const_value = ir.tensor(array, name=full)
        self.initializers.append(symbol.value)
        if isinstance(value, jt.Var):
            self._vars[id(value)] = (value, symbol)  # with the Var itself: its id must not be given to another
        return symbol

    def symbol(self, value: Any, name: str = "constant") -> Symbol:
        """A Symbol as it is, all else as a constant; Python's numbers as float32, int32 or bool."""
        if isinstance(value, Symbol):
            return value
        if isinstance(value, bool | int | float):
            dtype = {bool: "bool", int: "int32", float: "float32"}[type(value)]
            return self.constant(value, name, dtype)
        if isinstance(value, jt.Var | np.ndarray | np.generic):
            return self.constant(value, name)
        raise ModelError(f"{self.path}: a value of type {type(value).__name__} can't be exported")

    def node(
        self, op_type: str, inputs: Sequence[Symbol | None], shape: Sequence[int], dtype: str = "float32", **attrs: Any
    ) -> Symbol:
        """Add a node of ONNX's own domain with one output."""
        return self.nodes_out(op_type, inputs, [shape], dtype, **attrs)[0]

    def nodes_out(
        self, op_type: str, inputs: Sequence[Symbol | None], shapes: Sequence[Sequence[int]], dtype: str, **attrs: Any
    ) -> list[Symbol]:
        """Add a node with an output for each of `shapes`."""
        name = self._unique(op_type)
        values = [symbol.value if symbol is not None else None for symbol in inputs]
        node = ir.node(op_type, values, attrs or None, name=name, num_outputs=len(shapes))
        self.nodes.append(node)
        outputs = []
        for index, (output, shape) in enumerate(zip(node.outputs, shapes, strict=True)):
            output.name = name if len(shapes) == 1 else self._unique(f"{op_type}.{index}")
            outputs.append(self._typed(output, shape, dtype))
        return outputs

    def cast(self, x: Symbol, dtype: str) -> Symbol:
        """To another type."""
        if x.dtype == dtype:
            return x
        return self.node("Cast", [x], x.shape, dtype, to=ir.DataType.from_numpy(np.dtype(dtype)).value)

    def broadcast(self, *symbols: Symbol) -> Shape:
        """The shape of an element-wise operation on them."""
        try:
            return broadcast(*(symbol.shape for symbol in symbols))
        except ValueError as error:
            raise ModelError(f"{self.path}: {error}") from None

    def shape_tensor(self, shape: Sequence[int]) -> Symbol:
        """A shape as int64 values of the graph: a constant, unless the batch is in it."""
        if not any(isinstance(size, BatchSize) for size in shape):
            return self.constant(np.array(shape, dtype=np.int64), "shape")
        first = self.inputs[0]
        every = self.node("Shape", [first], (len(first.shape),), "int64")
        batch = self.node("Gather", [every, self.constant(np.array([0]), "axis")], (1,), "int64", axis=0)
        parts = []
        for size in shape:
            if isinstance(size, BatchSize):
                factor = self.constant(np.array([size.multiple]), "multiple")
                parts.append(batch if size.multiple == 1 else self.node("Mul", [batch, factor], (1,), "int64"))
            else:
                parts.append(self.constant(np.array([size]), "size"))
        return self.node("Concat", parts, (len(shape),), "int64", axis=0)

    def model(self, outputs: Mapping[str, Symbol]) -> ir.Model:
        """The finished model. An output that is an input, a constant or another output too gets a node of its own."""
        values = []
        taken = {id(symbol.value) for symbol in self.inputs} | {id(value) for value in self.initializers}
        for name, symbol in outputs.items():
            if id(symbol.value) in taken:
                symbol = self.node("Identity", [symbol], symbol.shape, symbol.dtype)
            taken.add(id(symbol.value))
            symbol.value.name = name
            values.append(symbol.value)
        graph = ir.Graph(
            [symbol.value for symbol in self.inputs],
            values,
            nodes=self.nodes,
            initializers=self.initializers,
            opset_imports={"": OPSET},
            name="sface",
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="sface")


def _axis(size: int) -> Any:
    if isinstance(size, BatchSize):
        return "batch" if size.multiple == 1 else f"batch*{size.multiple}"
    return int(size)
