"""Channels get ranges of like size, and the network stays the same function."""

import numpy as np
import onnx_ir as ir
import pytest

from sface.export.passes import rewrite_prelu
from sface.export.passes.graph_edits import constant
from sface.export.precision.equalization import equalize
from sface.export.precision.prelu_int8 import prelus, recover_prelu
from sface.export.precision.value_ranges import measure_ranges

from ..small_network import Array, Drawing, Layer, chain, data_of, draw_crops, draw_network, embed, model_of

RANDOM = np.random.default_rng(0)
CROPS = draw_crops(6)
SPREAD = np.array([1, 20, 0.1, 5, 0.3, 8, 2, 0.2])  # sizes of channels


def weights(*shape: int, rows: Array | float = 1.0) -> Array:
    return RANDOM.normal(0, 1, shape) * np.asarray(rows).reshape(-1, *[1] * (len(shape) - 1))


def conv(*shape: int, rows: Array | float = 1.0, group: int = 1, bias: bool = False) -> Layer:
    constants = [weights(*shape, rows=rows), *([RANDOM.normal(0, 1, shape[0])] if bias else [])]
    return "Conv", constants, {"kernel_shape": shape[2:], "group": group, "pads": [shape[2] // 2] * 4}


def unchanged(model: ir.Model) -> None:
    """Equalize; the outputs stay within rounding."""
    before = embed(data_of(model), CROPS)
    equalize(model, CROPS)
    after = embed(data_of(model), CROPS)
    assert np.abs(before - after).max() <= 1e-5 * np.abs(before).max()


def spread(model: ir.Model, value: ir.Value) -> float:
    """How many times as large the largest channel of a value is as the smallest."""
    found = [np.maximum(-low, high) for ((low, high),) in measure_ranges(model, [value], CROPS, channels=True)]
    sizes = np.max(found, axis=0)
    return float(sizes.max() / sizes.min())


def of(model: ir.Model, operator: str, index: int = 0) -> ir.Node:
    return [node for node in model.graph if node.op_type == operator][index]


@pytest.mark.parametrize("between", [[], [("Relu", [], {})], [("PRelu", [np.full((8, 1, 1), 0.2)], {})]])
def test_depthwise_readers_take_all(between: list[Layer]) -> None:
    shape: list[int | str] = ["N", 3, 24, 24]
    model = chain(conv(8, 3, 1, 1, rows=SPREAD, bias=True), *between, conv(8, 1, 3, 3, group=8), shape=shape)
    recover_prelu(model)
    value = of(model, "Conv").outputs[0]
    assert spread(model, value) > 20
    unchanged(model)
    assert spread(model, value) < 2


def test_dense_readers_take_half() -> None:
    model = chain(conv(8, 3, 1, 1, rows=SPREAD), conv(4, 8, 3, 3), shape=["N", 3, 24, 24])
    value = of(model, "Conv").outputs[0]
    before = spread(model, value)
    unchanged(model)
    assert spread(model, value) == pytest.approx(before**0.5, rel=0.7)


def test_small_weights_of_a_dense_reader_get_larger_channels() -> None:
    """Channels of like size, whose weights in the reader are not."""
    reader = conv(8, 8, 1, 1)
    reader[1][0] *= SPREAD[None, :, None, None]
    model = chain(conv(8, 3, 1, 1), reader, shape=["N", 3, 24, 24])
    unchanged(model)
    weight = constant(of(model, "Conv", 1).inputs[1])
    assert weight is not None
    columns = np.abs(weight).max(axis=(0, 2, 3))
    assert columns.max() / columns.min() < 100 < SPREAD.max() / SPREAD.min()


def test_steep_slopes_are_turned_round() -> None:
    slopes = np.array([0.5, 1.5, -0.3, 3, 1, 0.01, 1.01, 0.9]).reshape(-1, 1, 1)
    layers = [conv(8, 3, 3, 3, rows=SPREAD, bias=True), ("PRelu", [slopes], {}), conv(4, 8, 3, 3, bias=True)]
    model = chain(*layers, shape=["N", 3, 24, 24])
    recover_prelu(model)
    unchanged(model)
    ((_, found),) = prelus(model)
    expected = np.where(slopes > 1, 1 / slopes, slopes).reshape(-1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_dead_channel_stays_finite() -> None:
    rows = SPREAD.copy()
    rows[2] = 0
    model = chain(conv(8, 3, 1, 1, rows=rows), conv(8, 1, 3, 3, group=8), shape=["N", 3, 24, 24])
    unchanged(model)


def test_a_value_that_is_read_otherwise_too_stays() -> None:
    """By an addition, and by what leaves the graph."""
    draw = Drawing(0)
    first = draw.node("Conv", "input", draw.constant(weights(8, 3, 1, 1, rows=SPREAD)), kernel_shape=[1, 1])
    second = draw.node("Conv", first, draw.constant(weights(8, 8, 1, 1)), kernel_shape=[1, 1])
    draw.node("Add", first, second)
    draw.nodes[-1].output[0] = "embedding"
    model = model_of(draw, ["N", 3, 24, 24])
    before = data_of(model)
    equalize(model, CROPS)
    assert data_of(model) == before


def test_the_whole_small_network() -> None:
    model = draw_network()
    recover_prelu(model)
    steep = [(slope > 1).any() for _, slope in prelus(model)]
    unchanged(model)
    # The third is read by a BatchNormalization and by MaxPool, so that nothing behind it could be turned back.
    assert steep == [False, True, True, False]
    assert [bool((slope > 1).any()) for _, slope in prelus(model)] == [False, False, True, False]
    rewrite_prelu.apply(model)
    unchanged(model)
