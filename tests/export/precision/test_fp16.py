"""float16 in the file, where it fits, and what a GPU would make of it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from sface.errors import ModelError
from sface.export.passes import run_passes
from sface.export.passes.unit_output import add_unit_output
from sface.export.precision.fp16 import as_on_gpu, to_fp16
from sface.export.precision.int8 import to_int8

from ..small_network import Drawing, chain, cosines, data_of, draw_crops, draw_network, embed, model_of

CROPS = draw_crops(6)
FLOAT, HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16
SHAPE: list[int | str] = ["N", 3, 24, 24]


def dtypes(model: ir.Model, node: ir.Node) -> set[ir.DataType | None]:
    return {value.dtype for value in (*node.inputs, *node.outputs) if value is not None}


def one(weight: float, rest: float = 1.0) -> tuple[str, list[Any], dict[str, Any]]:
    """A 1x1 convolution of three channels, the first of them times `weight`."""
    return "Conv", [np.diag([weight, rest, rest]).reshape(3, 3, 1, 1)], {"kernel_shape": [1, 1]}


def test_the_whole_network() -> None:
    model = draw_network(props={"sface.format": "1", "other": "x"})
    before = data_of(model)
    half = to_fp16(model)
    data = data_of(half)
    assert data_of(model) == before
    assert len(data) < 0.56 * len(before)
    assert half.metadata_props == model.metadata_props
    assert [node.op_type for node in half.graph][:4] == ["Sub", "Mul", "Cast", "Conv"]
    (entry,), (result,) = half.graph.inputs, half.graph.outputs
    assert (entry.name, entry.dtype, result.name, result.dtype) == ("input", FLOAT, "embedding", FLOAT)
    casts = [node for node in half.graph if node.op_type == "Cast"]
    assert len(casts) == 2
    for node in list(half.graph)[2:]:
        assert node.op_type in ("Cast", "Reshape", "Flatten") or dtypes(half, node) == {HALF}
    stored = {tensor.name: tensor.data_type for tensor in onnx.load_from_string(data).graph.initializer}
    floats = [name for name, kind in stored.items() if kind == onnx.TensorProto.FLOAT]
    assert len(floats) == 2  # of Sub and Mul
    expected = embed(before, CROPS)
    for file in (data, data_of(as_on_gpu(half))):
        assert cosines(expected, embed(file, CROPS)).min() >= 0.99999
    assert data_of(to_fp16(model)) == data


def test_prelu_is_what_it_was_before_the_passes() -> None:
    model = draw_network()
    assert "PRelu" not in [node.op_type for node in model.graph]
    half = to_fp16(model)
    prelus = [node for node in half.graph if node.op_type == "PRelu"]
    assert len(prelus) == 4
    assert all(dtypes(half, node) == {HALF} for node in prelus)
    assert cosines(embed(data_of(model), CROPS), embed(data_of(half), CROPS)).min() >= 0.99999


def test_a_bias_may_be_small_but_not_infinite() -> None:
    weight = np.eye(3).reshape(3, 3, 1, 1)
    for bias, kind in ((1e-8, HALF), (0.0, HALF), (1e5, FLOAT)):
        half = to_fp16(chain(one(1.0), ("Conv", [weight, np.full(3, bias)], {"kernel_shape": [1, 1]}), shape=SHAPE))
        assert dtypes(half, [node for node in half.graph if node.op_type == "Conv"][1]) == {kind}


def test_no_batchnorm_is_left() -> None:
    model = draw_network()
    assert "BatchNormalization" in [node.op_type for node in model.graph]
    assert "BatchNormalization" not in [node.op_type for node in to_fp16(model).graph]


def test_unit_vectors_stay_float32() -> None:
    model = draw_network()
    add_unit_output(model)
    half = to_fp16(model)
    for operator in ("ReduceL2", "Max", "Div"):
        (node,) = (node for node in half.graph if node.op_type == operator)
        assert dtypes(half, node) <= {FLOAT}
    unit = embed(data_of(half), CROPS)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("weight", [1e5, -7e4])
def test_a_weight_too_large_keeps_its_layer_float32(weight: float) -> None:
    model = chain(one(1.0), one(weight), one(1 / weight), shape=SHAPE)
    half = to_fp16(model)
    kinds = [dtypes(half, node) for node in half.graph if node.op_type == "Conv"]
    assert kinds[:2] == [{HALF}, {FLOAT}]
    assert np.isfinite(embed(data_of(half), CROPS)).all()


def test_weights_that_are_all_tiny_keep_their_layer_float32() -> None:
    model = chain(one(1.0), one(3e-8, 1e-7), one(1.0), shape=SHAPE)
    kinds = [dtypes(model, node) for node in to_fp16(model).graph if node.op_type == "Conv"]
    assert kinds == [{HALF}, {FLOAT}, {HALF}]


def test_single_tiny_weights_do_not_matter() -> None:
    half = to_fp16(chain(one(1.0), one(1e-9), shape=SHAPE))
    assert [dtypes(half, node) for node in half.graph if node.op_type == "Conv"] == [{HALF}, {HALF}]


def test_inputs_that_are_float32_by_definition() -> None:
    """The sizes of a Resize."""
    resize = ("Resize", [[], [1, 1, 2, 2]], {"mode": "nearest"})
    model = chain(one(1.0), resize, one(0.5), shape=SHAPE)
    half = to_fp16(model)
    (node,) = (node for node in half.graph if node.op_type == "Resize")
    assert [value.dtype for value in node.inputs if value is not None] == [HALF, FLOAT, FLOAT]
    np.testing.assert_allclose(embed(data_of(half), CROPS), embed(data_of(model), CROPS), rtol=1e-3)


def test_operators_of_others_stay_float32() -> None:
    draw = Drawing(0)
    first = draw.conv("input", (4, 3, 3, 3))
    draw.nodes.append(onnx.helper.make_node("QuickGelu", [first], ["gelu"], domain="com.microsoft", alpha=1.0))
    draw.conv("gelu", (4, 4, 3, 3))
    draw.nodes[-1].output[0] = "embedding"
    model = model_of(draw, SHAPE)
    gelu = next(node for node in model.graph if node.op_type == "QuickGelu")
    gelu.outputs[0].dtype, gelu.outputs[0].shape = FLOAT, ir.Shape(["N", 4, 24, 24])
    half = to_fp16(model)
    assert [dtypes(half, node) for node in half.graph if node.op_type != "Cast"] == [{HALF}, {FLOAT}, {HALF}]
    proto = ir.serde.serialize_model(half)
    expected = embed(ir.serde.serialize_model(model).SerializeToString(), CROPS)
    np.testing.assert_allclose(embed(proto.SerializeToString(), CROPS), expected, rtol=0, atol=1)


def test_a_value_read_in_both_types_is_cast_once() -> None:
    """Two float32 readers of a float16 value."""
    draw = Drawing(0)
    first = draw.conv("input", (3, 3, 3, 3))
    big = [
        draw.node("Conv", first, draw.constant(np.full((3, 3, 1, 1), size)), kernel_shape=[1, 1]) for size in (1e5, 2e5)
    ]
    draw.node("Conv", draw.node("Add", *big), draw.constant(np.full((3, 3, 1, 1), 1e-5)), kernel_shape=[1, 1])
    draw.nodes[-1].output[0] = "embedding"
    half = to_fp16(model_of(draw, SHAPE))
    (first_conv,) = (node for node in half.graph if node.name == first)
    assert [node.op_type for node, _ in first_conv.outputs[0].uses()] == ["Cast"]


def test_nothing_to_do() -> None:
    with pytest.raises(ModelError, match="no layer with constant float32 weights that fit into float16"):
        to_fp16(chain(("Relu", [], {}), shape=SHAPE))
    with pytest.raises(ModelError, match="no layer with constant float32 weights"):
        to_fp16(to_int8(draw_network(), CROPS))


def test_what_a_gpu_gives() -> None:
    """Each value is rounded; one above 65504 is infinite. On the processor onnxruntime shows neither."""
    model = chain(one(400.0), one(1 / 400), shape=SHAPE)
    half = to_fp16(model)
    file = data_of(half)
    on_gpu = data_of(as_on_gpu(half))
    assert data_of(half) == file
    x = CROPS[:, :, :, 0].astype(np.float32)
    assert (x > 200).any()
    factor = np.float32(np.float16(1 / 400))
    with np.errstate(over="ignore"):
        once = (400 * x).astype(np.float16).astype(np.float32)
        expected = (once * factor).astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(embed(on_gpu, CROPS)[:, 0], expected, rtol=1e-3)
    assert np.isinf(embed(on_gpu, CROPS)).any()
    assert np.isfinite(embed(file, CROPS)).all()


def test_a_published_network(shared: Path) -> None:
    model = ir.load(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx")
    run_passes(model)
    before, after = data_of(model), data_of(to_fp16(model))
    assert len(after) < 0.51 * len(before)
    crops = draw_crops(3, size=112)
    assert cosines(embed(before, crops), embed(after, crops)).mean() >= 0.9999
