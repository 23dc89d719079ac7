"""Runs a Jittor module once on symbolic values and writes down what it does as an ONNX graph.

A layer or function that has a rule (export/rules) becomes the nodes of that rule. Of every other layer its own
`execute` is run, with a `Symbol` for each value, so that plain Python (loops, conditions on configuration, arithmetic)
and functions that Jittor itself writes in Python need no rule.
"""

import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jittor as jt
import onnx_ir as ir
from jittor import nn

from ...errors import ModelError, SFaceError
from .symbolic_graph import OPERATORS, Graph, Rule, Symbol
from .symbolic_shapes import BatchSize

# Each layer's path and the name of its value in the graph, in the order in which they ended; of those that give one.
Layers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Traced:
    """The graph of a module, and its layers."""

    model: ir.Model
    layers: Layers


def trace(
    module: nn.Module,
    inputs: Mapping[str, tuple[Sequence[int], str]],
    output_names: Sequence[str] | None,
    *,
    layers: Mapping[type, Rule],
    operations: Mapping[str, Rule],
    dynamic_batch: bool = True,
) -> Traced:
    """Write `module`, as it behaves in evaluation mode, as an ONNX model; the module is left as it was.

    inputs: name → shape and dtype of each. With `dynamic_batch` the first axis of each input that is as long as the
    first input's is free in the graph. output_names: None names them "output", or "output_0", "output_1", ...

    Raises ModelError, with the layer's path, for what has no rule.
    """
    graph = Graph(operations)
    paths = {id(layer): path for path, layer in module.named_modules()}
    batch = next(iter(inputs.values()))[0][:1]
    symbols = []
    for name, (shape, dtype) in inputs.items():
        free = dynamic_batch and bool(shape) and shape[0] == batch[0]
        symbols.append(graph.input(name, [BatchSize(shape[0]), *shape[1:]] if free else shape, dtype))
    values: list[tuple[str, Symbol]] = []

    def call(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
        path = paths.get(id(layer))
        with graph.inside(path):
            try:
                rule = layers.get(type(layer))
                output = rule(graph, layer, *args, **kwargs) if rule else layer.execute(*args, **kwargs)
            except SFaceError:
                raise
            except Exception as error:
                reason = str(error).strip().split("\n")[0] or type(error).__name__
                raise ModelError(f"{graph.path} ({type(layer).__name__}): can't be exported: {reason}") from error
        if isinstance(output, Symbol) and path:
            values.append((path, output))
        return output

    with evaluating(module), _patched(graph, module, call):
        output = module(*symbols)
    outputs = _named(output, output_names)
    model = graph.model(outputs)
    return Traced(model, [(path, str(symbol.value.name)) for path, symbol in values])


def _named(output: Any, names: Sequence[str] | None) -> dict[str, Symbol]:
    """The module's outputs by name."""
    found = listed(output)
    if isinstance(output, dict):
        default = [str(name) for name in output]
    elif isinstance(output, tuple | list):
        default = [f"output_{index}" for index in range(len(output))]
    else:
        default = ["output"]
    if wrong := [type(value).__name__ for value in found if not isinstance(value, Symbol)]:
        raise ModelError(f"the module gives {wrong[0]}, not values of its input; it can't be exported")
    names = default if names is None else list(names)
    if len(names) != len(found) or len(set(names)) != len(names):
        raise ModelError(f"{len(found)} outputs are called {names}; each needs a name of its own")
    return dict(zip(names, found, strict=True))


def listed(output: Any) -> list[Any]:
    """What a module gives, one value or several, as a list."""
    if isinstance(output, dict):
        return list(output.values())
    return list(output) if isinstance(output, tuple | list) else [output]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode for a while. (Its own `eval` would also change which Vars have a gradient.)"""
    layers = {id(layer): layer for _, layer in module.named_modules()}  # one may stand in several places
    modes = [(layer, vars(layer).get("is_train")) for layer in layers.values()]
    for layer in layers.values():
        layer.is_train = False
    try:
        yield
    finally:
        for layer, mode in modes:
            if mode is None:
                del layer.is_train
            else:
                layer.is_train = mode


@contextmanager
def _patched(graph: Graph, module: nn.Module, call: Callable[..., Any]) -> Iterator[None]:
    """While tracing, Jittor's functions, and Var's methods, take Symbols too."""
    changes: list[tuple[Any, str, Any]] = [(nn.Module, "__call__", call), (jt.Function, "__call__", call)]
    replaced: dict[int, Callable[..., Any]] = {}
    names = {name for name in dir(jt.core.ops) if not name.startswith("_")} | set(graph.operations)
    for home in (jt, nn, jt.contrib, jt.misc):
        for name in names:
            function = vars(home).get(name)
            if callable(function) and not isinstance(function, type | types.ModuleType):
                replaced[id(function)] = wrapper = _dispatcher(graph, name, function)
                changes.append((home, name, wrapper))
    for name in names:
        if callable(method := getattr(jt.Var, name, None)):
            changes.append((jt.Var, name, _dispatcher(graph, name, method)))
    for method_name, name in OPERATORS.items():
        changes.append((jt.Var, method_name, _dispatcher(graph, name, getattr(jt.Var, method_name))))
    changes.append((jt.Var, "__getitem__", _dispatcher(graph, "getitem", jt.Var.__getitem__)))
    # Functions that the module's own files have imported by name.
    for file in {type(layer).__module__ for _, layer in module.named_modules()}:
        for name, value in list(vars(sys.modules.get(file, nn)).items()):
            if id(value) in replaced and value is not replaced[id(value)]:
                changes.append((sys.modules[file], name, replaced[id(value)]))
    originals = [(home, name, getattr(home, name)) for home, name, _ in changes]
    try:
        for home, name, value in changes:
            setattr(home, name, value)
        yield
    finally:
        for home, name, value in originals:
            setattr(home, name, value)


def _dispatcher(graph: Graph, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, but the rule of that name where a Symbol is among the arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(_has_symbol, (*args, *kwargs.values()))):
            return graph.call(name, *args, **kwargs)
        return original(*args, **kwargs)

    return call


def _has_symbol(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(isinstance(item, Symbol) for item in value)
    return isinstance(value, Symbol)
