"""What any ONNX file holds, without running it. Needs onnx; not Jittor, not onnxruntime.

The file may lie or be damaged in part: what can't be known is left unknown, and of other files that it names none is
opened.
"""

import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import files
from ...errors import ModelError
from ...model_files.metadata import from_props
from ...runtime import dependencies
from .macs import count_macs, is_onnx
from .onnx_file import external_tensors, graphs_of, load_model

# Places of scales and zero points among the inputs, and of what is a weight even as int32.
SCALES = {
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "MatMulInteger": (2, 3),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
}
QUANTISED: dict[str, tuple[int, ...]] = {"DequantizeLinear": (0,), "QLinearConv": (8,)}
WEIGHT_TYPES = re.compile(r"b?float\w+|u?int[248]")


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output. A free axis stands in `shape` as its name, or "?"; None: not even the rank is said."""

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file holds.

    opset          version by domain; ONNX's own is "ai.onnx"
    inputs         those that a caller gives, not the weights that old files list among them
    nodes          of the graph and of the graphs inside its nodes (If, Loop, Scan)
    operators      how many nodes of each, the most frequent first; "domain.Operator" where it isn't ONNX's
    parameters     elements of weights: initializers that are floating or integers of 8 bits and fewer, and quantised
                   biases (int32 that is dequantised, or the bias of QLinearConv). Not counted: other integers, which
                   are shapes and indices, and the scales and zero points of quantisation
    macs           multiply-accumulates (see macs.py) of one run with each free axis of the inputs at 1; a batch that is
                   fixed in the file stays as it is
    macs_at_least  there are more than `macs`, or may be
    external_files where weights lie outside the file, as it says so
    metadata       all of its `metadata_props`, ours first
    """

    file: str
    bytes: int
    sha256: str
    ir_version: int
    opset: dict[str, int]
    producer: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: int
    operators: dict[str, int]
    parameters: int
    macs: int
    macs_at_least: bool
    external_files: tuple[str, ...]
    metadata: dict[str, str]


def inspect(path: str | os.PathLike[str]) -> Summary:
    """What the ONNX file `path` holds: inputs, outputs, operators, parameters, metadata. It is not run.

    Raises ModelError where the file can't be read, holds no network, or is visibly damaged; DependencyError
    without onnx.
    """
    path = Path(path)
    model = load_model(path)
    props = {_text(prop.key): _text(prop.value) for prop in model.metadata_props}
    ours = from_props(props, str(path))
    graphs = list(graphs_of(model.graph))
    nodes = [node for graph in graphs for node in graph.node]
    weights = [tensor for graph in graphs for tensor in graph.initializer]
    if any(size < 0 for tensor in weights for size in tensor.dims):
        raise ModelError("has a weight of negative size", path=path, remedy="export it again or get it again")
    inputs = _inputs(model.graph)
    given, results = (tuple(map(_value, values)) for values in (inputs, model.graph.output))
    external_files = _external_files(model)
    macs, macs_at_least = count_macs(model, nodes, inputs)  # last: it changes the model
    return Summary(
        file=str(path),
        bytes=path.stat().st_size,
        sha256=files.sha256(path),
        ir_version=model.ir_version,
        opset={_text(opset.domain) or "ai.onnx": opset.version for opset in model.opset_import},
        producer=" ".join(filter(None, map(_text, (model.producer_name, model.producer_version)))),
        inputs=given,
        outputs=results,
        nodes=len(nodes),
        operators=dict(Counter(map(_operator, nodes)).most_common()),
        parameters=_count_parameters(nodes, weights),
        macs=macs,
        macs_at_least=macs_at_least,
        external_files=external_files,
        metadata=({} if ours is None else ours.to_props()) | props,
    )


def describe(value: Value) -> str:
    """An input or output in words."""
    shape = "of unknown rank" if value.shape is None else f"({', '.join(map(str, value.shape))})"
    return f"{value.name} {value.dtype} {shape}"


def describe_macs(summary: Summary) -> str:
    """How many multiply-accumulates a run takes, in words."""
    is_free = any(isinstance(axis, str) for value in summary.inputs for axis in value.shape or ())
    return f"{'at least ' * summary.macs_at_least}{summary.macs:,}{' with each free axis at 1' * is_free}"


def _inputs(graph: Any) -> list[Any]:
    """The inputs that a caller gives: old files list their weights too."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _value(value: Any) -> Value:
    kind = value.type.WhichOneof("value")
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return Value(_text(value.name), (kind or "unknown").removesuffix("_type"), None)
    tensor = getattr(value.type, kind)
    axes = [dim.dim_value if dim.HasField("dim_value") else _text(dim.dim_param) or "?" for dim in tensor.shape.dim]
    return Value(_text(value.name), _dtype(tensor.elem_type), tuple(axes) if tensor.HasField("shape") else None)


def _dtype(number: int) -> str:
    """The name of an ONNX type as NumPy has it."""
    types = dependencies.require("onnx", "export").TensorProto.DataType
    name = types.Name(number).lower() if number in types.values() else f"type {number}"
    return {"float": "float32", "double": "float64"}.get(name, name)


def _operator(node: Any) -> str:
    return _text(node.op_type) if is_onnx(node) else f"{_text(node.domain)}.{_text(node.op_type)}"


def _text(value: str | bytes) -> str:
    """A text of the file; protobuf gives bytes where it is not UTF-8."""
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


def _count_parameters(nodes: list[Any], weights: list[Any]) -> int:
    scales, quantised = _names_at(nodes, SCALES), _names_at(nodes, QUANTISED)
    return sum(
        math.prod(tensor.dims)
        for tensor in weights
        if tensor.name in quantised or (WEIGHT_TYPES.fullmatch(_dtype(tensor.data_type)) and tensor.name not in scales)
    )


def _names_at(nodes: list[Any], places: dict[str, tuple[int, ...]]) -> set[str]:
    """The names of the inputs that `places` gives for each operator."""
    return {
        node.input[place]
        for node in nodes
        if is_onnx(node)
        for place in places.get(node.op_type, ())
        if place < len(node.input)
    }


def _external_files(model: Any) -> tuple[str, ...]:
    outside = [{_text(entry.key): _text(entry.value) for entry in t.external_data} for t in external_tensors(model)]
    return tuple(sorted({entries.get("location", "?") for entries in outside}))
