"""An ONNX model as bytes."""

import onnx
import onnx_ir as ir

from ..errors import ModelError

LARGE = 1024  # bytes; a constant above that is a weight and no shape


def serialize(model: ir.Model) -> bytes:
    """The model's bytes, after onnx's checker; the same model gives the same. Raises ModelError."""
    proto = ir.serde.serialize_model(model)
    try:
        onnx.checker.check_model(_without_weights(proto), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error
    return bytes(proto.SerializeToString(deterministic=True))


def _without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights as inputs: the checker would copy them several times and looks at none."""
    graph = proto.graph
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    bare.graph.CopyFrom(onnx.GraphProto(name=graph.name, node=graph.node, input=graph.input, output=graph.output))
    bare.graph.value_info.extend(graph.value_info)
    for tensor in graph.initializer:
        if len(tensor.raw_data) > LARGE:
            bare.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        else:
            bare.graph.initializer.append(tensor)
    return bare
