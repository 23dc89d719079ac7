"""Minima and maxima of values, against NumPy."""

import numpy as np
import onnx_ir as ir
import pytest

from sface.errors import ModelError, UsageError
from sface.export.precision.value_ranges import check_crops, measure_ranges
from sface.model_files.network_input import network_input

from ..small_network import chain, draw_crops

SHIFT = [[[100.0]], [[150.0]], [[90.0]]]


def watched(opset: int = 17) -> ir.Model:
    model = chain(("Sub", [SHIFT], {}), ("Relu", [], {}), shape=["N", 3, 8, 8])
    model.opset_imports[""] = opset
    return model


@pytest.mark.parametrize("opset", [17, 18])  # the axes of ReduceMin became an input
def test_crop_by_crop(opset: int) -> None:
    model = watched(opset)
    crops = draw_crops(5, size=8)
    x = network_input(crops)
    value = model.graph[0].outputs[0]
    shifted = x - np.array(SHIFT, dtype=np.float32)
    whole = list(measure_ranges(model, [model.graph.inputs[0], value], crops))
    assert len(whole) == 5
    for index, ((low, high), (shifted_low, shifted_high)) in enumerate(whole):
        assert (low, high) == (x[index].min(), x[index].max())
        assert (shifted_low, shifted_high) == (shifted[index].min(), shifted[index].max())
    for index, ((low, high),) in enumerate(measure_ranges(model, [value], crops, channels=True)):
        np.testing.assert_array_equal(low, shifted[index].min(axis=(1, 2)))
        np.testing.assert_array_equal(high, shifted[index].max(axis=(1, 2)))
    assert len(model.graph) == 2


def test_a_fixed_batch() -> None:
    model = chain(("Sub", [SHIFT], {}), ("Relu", [], {}), shape=[3, 3, 8, 8])
    crops = draw_crops(2, size=8)
    found = list(measure_ranges(model, [model.graph.inputs[0]], crops))
    assert [high for ((_, high),) in found] == [crop.max() for crop in crops]


def test_values_that_are_not_finite() -> None:
    model = chain(("Mul", [np.inf], {}), ("Relu", [], {}), shape=["N", 3, 8, 8])
    with pytest.raises(ModelError, match="not finite; take an earlier checkpoint"):
        list(measure_ranges(model, [model.graph[0].outputs[0]], draw_crops(1, size=8)))


def test_crops_that_do_not_fit() -> None:
    check_crops(draw_crops(1, size=8), 8)
    with pytest.raises(UsageError, match="there is no crop"):
        check_crops(draw_crops(0, size=8), 8)
    with pytest.raises(UsageError, match="images of 8x8x3, uint8; the network takes 112x112x3"):
        check_crops(draw_crops(1, size=8), 112)
    with pytest.raises(UsageError, match="float32"):
        check_crops(draw_crops(1, size=8).astype(np.float32), 8)
