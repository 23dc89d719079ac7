"""Any Jittor module → an ONNX file that is proven to be the same function."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn
from onnxscript import version_converter

from ..errors import ModelError, UsageError
from ..files import write_bytes
from ..model_files.onnx_session import in_one_line, open_session
from .onnx_files.serialize import serialize
from .parity.first_difference import first_difference
from .parity.parity import Array, Parity, measure_outputs, raise_unless_equal
from .parity.random_weights import with_random_weights
from .passes import run_passes
from .tracing.rules import LAYERS, OPERATIONS
from .tracing.symbolic_graph import OPSET, Rule
from .tracing.trace import Traced, evaluating, listed, trace


@dataclass(frozen=True, slots=True)
class ModuleExport:
    """What was written. `parity` is None where it was not asked for."""

    path: Path
    parity: Parity | None
    nodes: int
    size: int  # bytes


def to_onnx(
    module: nn.Module,
    example: Any,
    path: str | os.PathLike[str],
    *,
    opset: int = OPSET,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_batch: bool = True,
    parity: bool = True,
    rules: Mapping[Any, Rule] | None = None,
    without: Collection[str] = (),
) -> ModuleExport:
    """Write `module`, as it behaves in evaluation mode, to the ONNX file `path`. The module is left as it was.

    example: an input, or a tuple of them: Vars or arrays of any shape and dtype. Their sizes become the graph's; with
        `dynamic_batch` the first axis is free in every input in which it is as long as in the first.
    opset: 17 or more.
    input_names, output_names: "input" and "output" by default, with "_0", "_1", ... where there are several.
    parity: compare the file with the module in onnxruntime before it is written (see export/parity/parity.py).
    rules: for layers of your own, {MyLayer: rule} with rule(graph, layer, *inputs), or for a function of Jittor's by
        its name, {"cumsum": rule} with rule(graph, *arguments); what a rule can call is in
        export/tracing/symbolic_graph.py.
    without: names of passes (export/passes) that are to be left out.

    Raises ModelError, which names the layer's path and the operation, where something has no rule; ParityError where
    the file would differ; StorageError; UsageError. Then there is no file, or still the one that was there.
    """
    arrays = tuple(map(_array, example if isinstance(example, tuple | list) else (example,)))
    names = _names(input_names, len(arrays))
    if opset < OPSET:
        raise UsageError(
            f"opset={opset}: the rules are written for opset {OPSET}",
            remedy="take that or a newer one",
            argument="opset",
        )
    inputs = {name: (array.shape, str(array.dtype)) for name, array in zip(names, arrays, strict=True)}

    def write(of: nn.Module) -> tuple[Traced, bytes]:
        traced = trace_module(of, inputs, output_names, rules=rules, dynamic_batch=dynamic_batch)
        run_passes(traced.model, without=without)
        if opset != OPSET:
            version_converter.convert_version(traced.model, opset, fallback=True)
        return traced, serialize(traced.model)

    _check_weights(module)
    traced, data = write(module)
    proof = None
    if parity:
        sets = _input_sets(arrays, dynamic_batch)
        proof = _prove(module, traced, data, sets)
        if not proof.proves:
            other = with_random_weights(module, sets[0])
            proof = _prove(other, *write(other), sets, redrawn=True)
    write_bytes(Path(path), data)
    return ModuleExport(Path(path), proof, len(traced.model.graph), len(data))


def _prove(
    module: nn.Module, traced: Traced, data: bytes, sets: list[tuple[Array, ...]], redrawn: bool = False
) -> Parity:
    """redrawn: whether the module is a copy with other weights."""
    parity = measure_outputs(run_module(module), run_file(data), sets, redrawn=redrawn)
    raise_unless_equal(
        parity,
        must_matter=False,
        first_difference=lambda: first_difference(module, traced.model, traced.layers, sets[0]),
    )
    return parity


def trace_module(
    module: nn.Module,
    inputs: Mapping[str, tuple[Sequence[int], str]],
    output_names: Sequence[str] | None,
    *,
    rules: Mapping[Any, Rule] | None = None,
    dynamic_batch: bool = True,
) -> Traced:
    """`trace` with the rules of this package and the caller's own, which come first."""
    own = rules or {}
    layers = LAYERS | {key: rule for key, rule in own.items() if isinstance(key, type)}
    operations = OPERATIONS | {key: rule for key, rule in own.items() if isinstance(key, str)}
    return trace(module, inputs, output_names, layers=layers, operations=operations, dynamic_batch=dynamic_batch)


def run_module(module: nn.Module) -> Any:
    """The module, in evaluation mode, as a function of arrays that gives a list of arrays."""

    def run(*arrays: Array) -> list[Array]:
        try:
            with evaluating(module), jt.no_grad():
                outputs = module(*map(jt.array, arrays))
        except Exception as error:  # whatever it is, it's the module's own
            raise ModelError(f"the module itself fails on such inputs ({in_one_line(error)})") from error
        return [output.numpy() for output in listed(outputs)]

    return run


def run_file(data: bytes) -> Any:
    """An ONNX file in onnxruntime as a function of arrays that gives a list of arrays."""
    session = open_session(data, "the exported graph")
    names = [node.name for node in session.get_inputs()]

    def run(*arrays: Array) -> list[Array]:
        return [np.asarray(output) for output in session.run(None, dict(zip(names, arrays, strict=True)))]

    return run


def _array(value: Any) -> Array:
    if isinstance(value, jt.Var):
        return np.asarray(value.numpy())
    if isinstance(value, np.ndarray):
        return value.astype(np.float32) if value.dtype == np.float64 else value
    raise UsageError(
        f"example: a {type(value).__name__}", remedy="give a Var, an array, or a tuple of them", argument="example"
    )


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    if names is None:
        return ["input"] if count == 1 else [f"input_{index}" for index in range(count)]
    if len(names) != count or len(set(names)) != count:
        raise UsageError(
            f"input_names={list(names)}: {count} inputs need a name each, all different", argument="input_names"
        )
    return list(names)


def _check_weights(module: nn.Module) -> None:
    """A network with weights that are no numbers can be written, and never compared."""
    for name, var in module.named_parameters():
        if not np.isfinite(var.numpy()).all():
            raise ModelError(f"{name}: has values that are not finite", remedy="take an earlier checkpoint")


def _input_sets(arrays: tuple[Array, ...], dynamic_batch: bool) -> list[tuple[Array, ...]]:
    """Inputs like the example: three rows drawn with its mean and deviation, then one row; the example itself where the
    batch is fixed, and drawn ones as large."""
    generator = np.random.default_rng(0)
    batch = arrays[0].shape[0] if arrays[0].ndim else 1

    def drawn(array: Array, rows: int) -> Array:
        shape = (rows, *array.shape[1:]) if array.ndim and array.shape[0] == batch else array.shape
        if array.dtype.kind == "f":
            spread = float(array.std()) or 1.0
            return (generator.standard_normal(shape) * spread + float(array.mean())).astype(array.dtype)
        return np.asarray(generator.choice(array.reshape(-1), shape))

    if dynamic_batch and arrays[0].ndim:
        three = tuple(drawn(array, 3) for array in arrays)
        return [three, tuple(drawn(array, 1) for array in arrays)]
    return [tuple(drawn(array, batch) for array in arrays), arrays]
