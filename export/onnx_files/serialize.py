"""An ONNX model as bytes, after onnx's checker; the same model gives the same.

Weights are most of a model. They go behind one another into the file, in protobuf's format, so that no copy of them all
is made; the checker gets the rest, as it would copy them several times and looks at none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import onnx_ir as ir

from ...errors import ModelError

LARGE = 1024  # bytes; a constant above that is a weight and no shape


def serialize(model: ir.Model) -> bytes:
    """The model's bytes. Raises ModelError where it isn't valid."""
    return b"".join(serialize_in_parts(model))


def serialize_in_parts(model: ir.Model) -> Iterator[bytes]:
    """The model's bytes, one weight at a time. Raises ModelError where it isn't valid."""
    with _weights_apart(model.graph) as weights:
        proto = ir.serde.serialize_model(model)
    _check(proto, weights)
    graph = proto.graph.SerializeToString(deterministic=True)
    proto.ClearField("graph")
    heads = [_head(weight) for weight in weights]
    size = len(graph) + sum(len(head) + weight.nbytes for head, weight in zip(heads, weights, strict=True))
    yield proto.SerializeToString(deterministic=True) + _field(onnx.ModelProto, "graph", size) + graph
    for head, weight in zip(heads, weights, strict=True):
        yield head
        yield weight.tobytes()


@contextmanager
def _weights_apart(graph: ir.Graph) -> Iterator[list[ir.TensorProtocol]]:
    """The graph without its weights for a while; the weights, by their names."""
    taken = {}
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if tensor is not None and tensor.dtype != ir.DataType.STRING and tensor.nbytes > LARGE:
            taken[name] = graph.initializers.pop(name)
            tensor.name = name
    try:
        yield [value.const_value for value in taken.values() if value.const_value is not None]
    finally:
        graph.initializers.update(taken)


def _check(proto: onnx.ModelProto, weights: list[ir.TensorProtocol]) -> None:
    """Let the checker see the weights as inputs."""
    inputs = [onnx.helper.make_tensor_value_info(str(w.name), int(w.dtype), w.shape.numpy()) for w in weights]
    proto.graph.input.extend(inputs)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error
    del proto.graph.input[len(proto.graph.input) - len(inputs) :]


def _head(weight: ir.TensorProtocol) -> bytes:
    """What stands before the numbers of a weight, as one of the graph's initializers."""
    described = onnx.TensorProto(name=weight.name, data_type=int(weight.dtype), dims=weight.shape.numpy())
    head = described.SerializeToString(deterministic=True) + _field(onnx.TensorProto, "raw_data", weight.nbytes)
    return _field(onnx.GraphProto, "initializer", len(head) + weight.nbytes) + head


def _field(message: Any, name: str, size: int) -> bytes:
    """The beginning of a field of `size` bytes: its number, and 2 for such fields; its size, seven bits a byte."""
    head = bytearray([message.DESCRIPTOR.fields_by_name[name].number << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size])
