"""int8 in the file and in onnxruntime's kernels, from the crops that are given."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from sface.errors import ModelError, UsageError
from sface.export.passes import run_passes
from sface.export.precision.int8 import CROPS, to_int8

from ..small_network import Array, Drawing, Layer, chain, cosines, data_of, draw_crops, draw_network, embed, model_of

FEW = draw_crops(12)
OTHERS = draw_crops(8, seed=1)
SHAPE: list[int | str] = ["N", 3, 24, 24]
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network() -> ir.Model:
    return draw_network(props={"sface.format": "1", "other": "x"})


@pytest.fixture(scope="module")
def quantised(network: ir.Model) -> ir.Model:
    return to_int8(network, FEW)


def kernels(data: bytes, folder: Path) -> Counter[str]:
    """What onnxruntime makes of a file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def stored(model: ir.Model, dtype: int) -> dict[str, Array]:
    proto = onnx.load_from_string(data_of(model)).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.initializer if tensor.data_type == dtype}


def test_the_file(network: ir.Model, quantised: ir.Model) -> None:
    before = data_of(network)
    data = data_of(quantised)
    assert len(data) < 0.35 * len(before)
    assert quantised.metadata_props == network.metadata_props
    assert [node.op_type for node in quantised.graph][:2] == ["Sub", "Mul"]
    (entry,), (result,) = quantised.graph.inputs, quantised.graph.outputs
    assert (entry.name, result.name) == ("input", "embedding")
    assert entry.dtype == result.dtype == ir.DataType.FLOAT
    # What is left of float32 is scales, and the two constants of the normalisation.
    assert all(array.ndim < 2 for name, array in stored(quantised, TensorProto.FLOAT).items() if "scale" in name)
    assert sum("scale" not in name for name in stored(quantised, TensorProto.FLOAT)) == 2
    weights = [array for array in stored(quantised, TensorProto.INT8).values() if array.ndim > 1]
    assert max(array.size for array in weights) == 128 * 32 * 36
    assert all(np.abs(array).max() <= 127 for array in weights)


def test_the_same_function_nearly(network: ir.Model, quantised: ir.Model) -> None:
    found = cosines(embed(data_of(network), OTHERS), embed(data_of(quantised), OTHERS))
    assert found.mean() >= 0.995
    assert cosines(embed(data_of(network), OTHERS), embed(data_of(network), FEW[:8])).mean() < 0.9


def test_onnxruntime_has_int8_kernels_for_all(quantised: ir.Model, tmp_path: Path) -> None:
    found = kernels(data_of(quantised), tmp_path)
    assert found.pop("QuantizeLinear") == 1
    for operator in ("Sub", "Mul", "Flatten"):
        assert found.pop(operator) == 1
    assert found.pop("Transpose") <= 8
    assert all(operator.startswith(("QLinear", "QGemm", "NhwcMaxPool", "MaxPool")) for operator in found), found


def test_prelu_is_one_convolution_where_it_can_be(network: ir.Model, quantised: ir.Model) -> None:
    """Four: one of them with steep slopes that can't be turned round, one with such that can."""
    convolutions = [sum(node.op_type == "Conv" for node in model.graph) for model in (network, quantised)]
    assert convolutions == [7 + 4 * 2, 7 + 3 + 2 + 1]  # the last is a BatchNormalization


def test_the_same_bytes_again(network: ir.Model, quantised: ir.Model) -> None:
    before = data_of(network)
    assert data_of(to_int8(network, FEW)) == data_of(quantised)
    assert data_of(network) == before


def test_the_crops_decide(network: ir.Model, quantised: ir.Model) -> None:
    assert data_of(to_int8(network, draw_crops(12, seed=2))) != data_of(quantised)


def test_of_many_crops_some_are_taken(network: ir.Model) -> None:
    crops = draw_crops(3 * CROPS + 1)
    chosen = np.linspace(0, 3 * CROPS, CROPS).round().astype(int)
    others = np.setdiff1d(np.arange(len(crops)), chosen)
    expected = data_of(to_int8(network, crops))
    crops[others] = 0
    assert data_of(to_int8(network, crops)) == expected
    assert data_of(to_int8(network, crops[chosen])) == expected


def test_it_says_nothing_and_leaves_nothing(
    network: ir.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    to_int8(network, FEW[:2])
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_nothing_overflows() -> None:
    """All weights as large as they may be, all values at the end of their range: processors without VNNI would add two
    products beyond 16 bits. Sizes at which onnxruntime's kernels walk through rows in either order."""
    white = np.full((2, 24, 24, 3), 255, dtype=np.uint8)
    for size in (1, 3, 5):
        for sign in (1, -1):
            first = ("Conv", [np.full((32, 3, 1, 1), 0.01)], {"kernel_shape": [1, 1]})
            second = ("Conv", [np.full((16, 32, size, size), sign * 0.7)], {"kernel_shape": [size, size]})
            flat: list[Layer] = [("Flatten", [], {}), ("Gemm", [np.full((16 * (25 - size) ** 2, 4), sign * 0.1)], {})]
            model = chain(first, second, *flat, shape=SHAPE)
            found = embed(data_of(to_int8(model, white)), white)
            np.testing.assert_allclose(found, embed(data_of(model), white), rtol=0.02)


def test_neighbouring_weights(quantised: ir.Model) -> None:
    """No two of one sign have more than 127 together, but for rounding; some have nearly that."""
    for node in quantised.graph:
        if node.op_type != "Conv" or node.attributes.get_int("group", 1) > 1:
            continue
        (dequantise,) = [value.producer() for value in node.inputs[1:2] if value is not None]
        assert dequantise is not None and dequantise.inputs[0] is not None
        tensor = dequantise.inputs[0].const_value
        assert tensor is not None
        weight = tensor.numpy().astype(int)
        largest = np.zeros(len(weight), dtype=int)
        for rows in (weight, weight.transpose(0, 2, 3, 1)):
            flat = rows.reshape(len(rows), -1)
            together = np.where(flat[:, 1:] * flat[:, :-1] > 0, np.abs(flat[:, 1:] + flat[:, :-1]), 0)
            largest = np.maximum(largest, np.maximum(together.max(axis=1, initial=0), np.abs(flat).max(axis=1)))
        assert largest.max() <= 128
        assert largest.min() >= 126


def test_depthwise_weights_take_all_steps(quantised: ir.Model) -> None:
    arrays = [array for array in stored(quantised, TensorProto.INT8).values() if array.ndim == 4 and array[0].size == 9]
    depthwise = [array for array in arrays if array.shape[1] == 1]
    assert depthwise
    assert all((np.abs(array).reshape(len(array), -1).max(axis=1) == 127).all() for array in depthwise)


@pytest.mark.parametrize("operator", ["Gemm", "Gemm transB", "MatMul"])
def test_a_scale_for_each_output(operator: str) -> None:
    """Outputs of very different size, after a flattening."""
    sizes = np.array([1, 1e-3, 1e3, 10.0])
    weight = RANDOM.normal(0, 1, (3 * 64, 4)) * sizes
    bias = [RANDOM.normal(0, 1, 4) * sizes] if operator != "MatMul" else []
    transposed = operator.endswith("transB")
    layer = (
        operator.split()[0],
        [weight.T if transposed else weight, *bias],
        {"transB": 1} if transposed else {},
    )
    model = chain(("Flatten", [], {}), layer, shape=["N", 3, 8, 8])
    crops = draw_crops(10, size=8)
    small = to_int8(model, crops)
    assert [array.shape for array in stored(small, TensorProto.INT8).values() if array.ndim > 1]
    before, after = embed(data_of(model), crops), embed(data_of(small), crops)
    assert (np.abs(before - after).max(axis=0) <= 0.05 * np.abs(before).max(axis=0)).all()


@pytest.mark.parametrize("attributes", [{"alpha": 2.0}, {"beta": 0.5}, {"transA": 1}])
def test_what_no_kernel_computes_stays_float32(attributes: dict[str, Any]) -> None:
    first = ("Conv", [RANDOM.normal(0, 1, (3, 3, 1, 1))], {"kernel_shape": [1, 1]})
    weight = RANDOM.normal(0, 1, (1 if "transA" in attributes else 3 * 64, 4))
    last = ("Gemm", [weight, np.ones(4)], attributes)
    crops = draw_crops(1, size=8)
    model = chain(first, ("Flatten", [], {}), last, shape=[1, 3, 8, 8])
    small = to_int8(model, crops)
    assert any(array.shape == weight.shape for array in stored(small, TensorProto.FLOAT).values())
    before, after = embed(data_of(model), crops), embed(data_of(small), crops)
    assert np.abs(before - after).max() <= 0.03 * np.abs(before).max()


def test_a_bias_far_above_its_weights() -> None:
    """Its steps are as fine as those of the weights, of which 32 bits would not reach."""
    weight = np.concatenate([np.full((1, 3, 1, 1), 1e-12), np.ones((1, 3, 1, 1)), np.zeros((1, 3, 1, 1))])
    layer = ("Conv", [weight, [300.0, 1.0, 0.0]], {"kernel_shape": [1, 1]})
    model = chain(layer, ("Relu", [], {}), ("Conv", [np.eye(3)[:, :, None, None]], {}), shape=SHAPE)
    before, after = embed(data_of(model), FEW[:1]), embed(data_of(to_int8(model, FEW[:1])), FEW[:1])
    np.testing.assert_allclose(after, before, rtol=0, atol=0.01 * before.max())


def test_values_that_are_zero_throughout() -> None:
    layer = ("Conv", [np.zeros((3, 3, 1, 1))], {"kernel_shape": [1, 1]})
    model = chain(layer, ("Conv", [np.ones((3, 3, 1, 1)), np.ones(3)], {}), shape=SHAPE)
    np.testing.assert_allclose(embed(data_of(to_int8(model, FEW)), FEW), 1, rtol=0.01)


def test_a_value_that_leaves_the_graph_stays_float32() -> None:
    """The last convolution gives the output itself."""
    layer = ("Conv", [RANDOM.normal(0, 1, (3, 3, 1, 1))], {"kernel_shape": [1, 1]})
    model = chain(layer, layer, shape=SHAPE)
    small = to_int8(model, FEW)
    assert small.graph.outputs[0].producer() is small.graph[-1]
    assert small.graph[-1].op_type == "Conv"


def test_a_network_without_normalisation() -> None:
    """What is quantised first is the input itself."""
    layer = ("Conv", [RANDOM.normal(0, 1, (3, 3, 1, 1))], {"kernel_shape": [1, 1]})
    small = to_int8(chain(layer, layer, shape=SHAPE), FEW)
    assert [node.op_type for node in small.graph][:2] == ["QuantizeLinear", "DequantizeLinear"]
    data_of(small)


def test_a_fixed_batch() -> None:
    model = draw_network(batch=3)
    before, after = embed(data_of(model), FEW), embed(data_of(to_int8(model, FEW[:4])), FEW)
    assert cosines(before, after).mean() >= 0.99


def test_an_old_opset() -> None:
    draw = Drawing(0)
    x = draw.conv(draw.conv("input", (8, 3, 3, 3)), (8, 8, 3, 3))
    draw.node(
        "Gemm", draw.node("Flatten", x), draw.constant(RANDOM.normal(0, 1, (8 * 576, 16))), draw.constant(np.ones(16))
    )
    draw.nodes[-1].output[0] = "embedding"
    model = model_of(draw, ["N", 3, 24, 24], ["N", 16], opset=9)
    small = to_int8(model, FEW)
    assert small.opset_imports[""] == 17
    assert cosines(embed(data_of(model), OTHERS), embed(data_of(small), OTHERS)).mean() >= 0.99


def test_what_can_not_be_quantised(network: ir.Model, quantised: ir.Model) -> None:
    with pytest.raises(ModelError, match="is it quantised already"):
        to_int8(quantised, FEW)
    with pytest.raises(UsageError, match="there is no crop"):
        to_int8(network, FEW[:0])
    with pytest.raises(UsageError, match="images of 8x8x3"):
        to_int8(network, draw_crops(2, size=8))
    with pytest.raises(ModelError, match="not finite"):
        to_int8(
            chain(
                ("Conv", [np.full((3, 3, 1, 1), np.inf)], {}), ("Conv", [np.eye(3)[:, :, None, None]], {}), shape=SHAPE
            ),
            FEW,
        )


@pytest.mark.slow
def test_a_published_network(shared: Path, tmp_path: Path) -> None:
    """OpenCV's SFace network on real faces; all of it in int8."""
    from sface.datasets.image_sets import open_image_set

    model = ir.load(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx")
    run_passes(model)
    faces = open_image_set(shared / "faces_celeba293_112x112")
    crops = np.stack([faces.image(index) for index in range(0, 6000, 100)])
    small = to_int8(model, crops[:40])
    before, after = data_of(model), data_of(small)
    assert len(after) < 0.26 * len(before)
    assert cosines(embed(before, crops[40:]), embed(after, crops[40:])).mean() >= 0.99
    assert not {"Conv", "PRelu", "Relu", "Add", "DequantizeLinear"} & set(kernels(after, tmp_path))
