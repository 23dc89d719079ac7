"""Runs a Jittor module once on symbolic values and writes down what it does as an ONNX graph.

A module whose class has a rule in export/rules becomes the nodes of that rule. Of every other module its own `execute`
is run, with a `Symbol` for each value, so that plain Python (loops, conditions on configuration, x + y) needs no rule.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import onnx_ir as ir
from jittor import nn

from ..errors import ModelError

OPSET = 17
# The format of the file that goes with opset 17; the newest that OpenCV 4.8 and onnxruntime of 2022 read.
IR_VERSION = 8


class BatchSize(int):
    """The size of the batch axis: a number while tracing, free in the graph."""


class Symbol:
    """A float32 value of the graph. `shape` is that of the traced run; a BatchSize in it is free in the graph."""

    def __init__(self, graph: "Graph", value: ir.Value, shape: Sequence[int]) -> None:
        self.graph = graph
        self.value = value
        self.shape = tuple(shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __add__(self, other: Any) -> "Symbol":
        return self.graph.elementwise("Add", self, other)

    def __sub__(self, other: Any) -> "Symbol":
        return self.graph.elementwise("Sub", self, other)

    def __mul__(self, other: Any) -> "Symbol":
        return self.graph.elementwise("Mul", self, other)

    def __truediv__(self, other: Any) -> "Symbol":
        return self.graph.elementwise("Div", self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def reshape(self, *shape: Any) -> "Symbol":
        """To a shape whose batch axis, if it keeps one, is `x.shape[0]`."""
        target = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return self.graph.reshape(self, target)

    def __bool__(self) -> bool:
        raise ModelError(f"{self.graph.path}: a condition on the values of the data can't be exported")

    def __getattr__(self, name: str) -> Any:
        raise ModelError(f"{self.graph.path}: the operation {name!r} on a value has no rule and can't be exported")


class Graph:
    """The ONNX graph while it is written. `path` is that of the layer at work, such as "res_3.model.block0"."""

    def __init__(self, input_shape: Sequence[int], input_name: str) -> None:
        self._names: list[str] = []
        self._used: dict[str, int] = {}
        self.nodes: list[ir.Node] = []
        self.initializers: list[ir.Value] = []
        value = ir.Value(
            name=input_name, shape=ir.Shape(["batch", *input_shape[1:]]), type=ir.TensorType(ir.DataType.FLOAT)
        )
        self.input = Symbol(self, value, (BatchSize(input_shape[0]), *input_shape[1:]))

    @property
    def path(self) -> str:
        return self._names[-1] if self._names else "the module"

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """While the layer at the path `name` is at work."""
        self._names.append(name)
        try:
            yield
        finally:
            self._names.pop()

    def _unique(self, name: str) -> str:
        count = self._used[name] = self._used.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def constant(self, name: str, value: Any) -> Symbol:
        """A constant: a Var, an array or a number. `name` is told apart by the layer's path."""
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
        full = self._unique(".".join([*self._names[-1:], name]))
        initializer = ir.Value(name=full, const_value=ir.tensor(array, name=full))
        initializer.shape, initializer.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
        self.initializers.append(initializer)
        return Symbol(self, initializer, array.shape)

    def node(self, op_type: str, inputs: Sequence[Symbol], shape: Sequence[int], **attributes: Any) -> Symbol:
        """Add a node of ONNX's own domain with one float32 output of `shape`."""
        name = self._unique(".".join([*self._names[-1:], op_type]))
        node = ir.node(op_type, [symbol.value for symbol in inputs], attributes or None, name=name)
        output = node.outputs[0]
        output.name = name
        output.shape = ir.Shape(["batch" if isinstance(size, BatchSize) else int(size) for size in shape])
        output.dtype = ir.DataType.FLOAT
        self.nodes.append(node)
        return Symbol(self, output, shape)

    def elementwise(self, op_type: str, x: Symbol, other: Any) -> Symbol:
        """Add, Sub, Mul or Div of a value and another, a Var or a number."""
        y = other if isinstance(other, Symbol) else self.constant("constant", _float32(other))
        try:
            shape = np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            raise ModelError(f"{self.path}: {op_type} of shapes {x.shape} and {y.shape}") from None
        if isinstance(x.shape[0], BatchSize) and len(shape) == len(x.shape):
            shape = (x.shape[0], *shape[1:])
        return self.node(op_type, [x, y], shape)

    def reshape(self, x: Symbol, target: Sequence[int]) -> Symbol:
        """Reshape; a BatchSize in front stays free."""
        keeps_batch = isinstance(x.shape[0], BatchSize) and bool(target) and isinstance(target[0], BatchSize)
        if isinstance(x.shape[0], BatchSize) and not keeps_batch:
            raise ModelError(f"{self.path}: reshape to {tuple(target)} fixes the batch; begin it with x.shape[0]")
        total = int(np.prod([int(size) for size in x.shape]))
        known = int(np.prod([int(size) for size in target if size != -1]))
        shape = tuple(total // known if size == -1 else size for size in target)
        if int(np.prod([int(size) for size in shape])) != total:
            raise ModelError(f"{self.path}: reshape of {x.shape} to {tuple(target)}")
        # In ONNX a 0 means: as in the input.
        wanted = np.array([0 if isinstance(size, BatchSize) else size for size in shape], dtype=np.int64)
        return self.node("Reshape", [x, self.constant("shape", wanted)], shape)

    def model(self, output: Symbol, output_name: str) -> ir.Model:
        """The finished model with `output` as its only output."""
        output.value.name = output_name
        graph = ir.Graph(
            [self.input.value],
            [output.value],
            nodes=self.nodes,
            initializers=self.initializers,
            opset_imports={"": OPSET},
            name="sface",
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="sface")


def trace(
    module: nn.Module, input_shape: Sequence[int], rules: Mapping[type, Callable[..., Symbol]], names: tuple[str, str]
) -> ir.Model:
    """Write `module`, in evaluation mode, as an ONNX model with one input and one output, called `names`.

    input_shape: of the run, its first axis the batch. Raises ModelError, with the layer's path, for what has no rule.
    """
    graph = Graph(input_shape, names[0])
    paths = {id(layer): path for path, layer in module.named_modules()}

    def call(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with graph.inside(paths[id(layer)]) if layer is not module else nullcontext():
            if (rule := rules.get(type(layer))) is not None:
                return rule(graph, layer, *args, **kwargs)
            return layer.execute(*args, **kwargs)

    original = nn.Module.__call__
    nn.Module.__call__ = call
    try:
        output = module(graph.input)
    finally:
        nn.Module.__call__ = original
    if not isinstance(output, Symbol):
        raise ModelError(f"the module gives {type(output).__name__}, not one value; it can't be exported")
    return graph.model(output, names[1])


def _float32(value: Any) -> Any:
    if isinstance(value, int | float):
        return np.array(value, dtype=np.float32)
    if hasattr(value, "numpy"):
        return value
    raise ModelError(f"a constant of type {type(value).__name__} can't be exported")
