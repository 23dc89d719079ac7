"""Weights among the inputs."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sface.export.passes import remove_initializers_from_inputs


def test_an_initializer_that_is_listed() -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3]),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = ir.serde.deserialize_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )
    remove_initializers_from_inputs.apply(model)
    data = ir.serde.serialize_model(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["x"]
    assert session.run(None, {"x": np.ones((1, 2), np.float32)})[0].tolist() == [[3, 5, 7]]


def test_a_file_of_the_first_years_stays_valid() -> None:
    """Before version 4 of the format, every weight had to be listed."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(np.ones((2, 3), np.float32), "w")],
    )
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3)
    onnx.checker.check_model(old)
    model = ir.serde.deserialize_model(old)
    remove_initializers_from_inputs.apply(model)
    onnx.checker.check_model(ir.serde.serialize_model(model))


def test_opencvs_file_runs_in_onnxruntime(shared: Path) -> None:
    """Beside `data` it lists 29 weights that a caller would have to give."""
    proto = onnx.load(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx")
    before = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert len(before.get_inputs()) == 30
    model = ir.serde.deserialize_model(proto)
    remove_initializers_from_inputs.apply(model)
    data = ir.serde.serialize_model(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["data"]
    assert session.run(None, {"data": np.zeros((1, 3, 112, 112), np.float32)})[0].shape == (1, 128)
