"""BatchNormalization into the weights before it: same result, fewer nodes, and not where it must not be."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sface.export.passes import fold_batchnorm

RANDOM = np.random.default_rng(0)


def constant(name: str, shape: tuple[int, ...], low: float = -1, high: float = 1) -> onnx.TensorProto:
    return numpy_helper.from_array(RANDOM.uniform(low, high, shape).astype(np.float32), name)


def model_with(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], shape: list[int], outputs: list[str]
) -> onnx.ModelProto:
    statistics = [constant("scale", (4,)), constant("shift", (4,)), constant("mean", (4,)), constant("var", (4,), 0.1)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [*constants, *statistics],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def batchnorm(value: str, output: str = "y") -> onnx.NodeProto:
    return helper.make_node("BatchNormalization", [value, "scale", "shift", "mean", "var"], [output], epsilon=1e-3)


def fold(model: onnx.ModelProto) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """Operations after folding, and the outputs before and after."""
    changed = ir.serde.deserialize_model(model)
    fold_batchnorm.apply(changed)
    folded = ir.serde.serialize_model(changed)
    onnx.checker.check_model(folded, full_check=True)
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    x = RANDOM.standard_normal(shape).astype(np.float32)
    results = [
        onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
        for m in (model, folded)
    ]
    return [node.op_type for node in folded.graph.node], *results


@pytest.mark.parametrize("bias", [True, False])
def test_into_a_convolution(bias: bool) -> None:
    inputs = ["x", "w", "b"][: 3 if bias else 2]
    nodes = [helper.make_node("Conv", inputs, ["c"], pads=[1, 1, 1, 1]), batchnorm("c")]
    model = model_with(nodes, [constant("w", (4, 3, 3, 3)), constant("b", (4,))], [2, 3, 6, 6], ["y"])
    operations, before, after = fold(model)
    assert operations == ["Conv"]
    assert np.abs(before[0] - after[0]).max() <= 1e-6 * np.abs(before[0]).max() * 5


def test_into_a_gemm() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["c"], transB=1), batchnorm("c")]
    operations, before, after = fold(model_with(nodes, [constant("w", (4, 5)), constant("b", (4,))], [2, 5], ["y"]))
    assert operations == ["Gemm"]
    assert np.abs(before[0] - after[0]).max() <= 1e-6 * np.abs(before[0]).max() * 5


def test_not_where_the_value_between_is_used_elsewhere() -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), batchnorm("c"), helper.make_node("Relu", ["c"], ["z"])]
    operations, before, after = fold(model_with(nodes, [constant("w", (4, 3, 1, 1))], [2, 3, 4, 4], ["y", "z"]))
    assert sorted(operations) == ["BatchNormalization", "Conv", "Relu"]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_not_where_the_weights_are_shared() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        batchnorm("c"),
        helper.make_node("Conv", ["x", "w"], ["z"]),
    ]
    _, before, after = fold(model_with(nodes, [constant("w", (4, 3, 1, 1))], [2, 3, 4, 4], ["y", "z"]))
    for a, b in zip(before, after, strict=True):
        assert np.abs(a - b).max() <= 1e-6 * np.abs(a).max() * 5


def test_not_after_something_else() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["c"]), batchnorm("c")]
    operations, before, after = fold(model_with(nodes, [], [2, 4, 3, 3], ["y"]))
    assert operations == ["Relu", "BatchNormalization"]
    assert np.array_equal(before[0], after[0])
