"""The depthwise operator against Jittor's own convolution: output, gradients."""

from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models.operators.depthwise_convolution import Depthwise3x3

pytestmark = pytest.mark.jittor

Array = npt.NDArray[Any]


def run(own: bool, x: Array, stride: int) -> list[Array]:
    """Output, gradient of the input, gradient of the weight."""
    channels = x.shape[1]
    conv = nn.Conv(channels, channels, 3, stride, 1, groups=channels, bias=False)
    weight = np.random.default_rng(1).normal(0, 1, conv.weight.shape).astype(np.float32)
    conv.weight.assign(jt.array(weight))
    value: Any = jt.array(x)
    y = Depthwise3x3.apply(value, conv.weight, stride) if own else conv(value)
    upstream = np.random.default_rng(2).normal(0, 1, y.shape).astype(np.float32)
    return [var.numpy() for var in [y, *jt.grad((y * jt.array(upstream)).sum(), [value, conv.weight])]]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(56, 56), (14, 14), (7, 7), (9, 5), (4, 11), (2, 2), (1, 6), (6, 1), (1, 1)])
def test_equals_jittors_convolution(size: tuple[int, int], stride: int) -> None:
    x = np.random.default_rng(0).normal(0.3, 1, (3, 5, *size)).astype(np.float32)
    for mine, other in zip(run(True, x, stride), run(False, x, stride), strict=True):
        assert mine.shape == other.shape
        assert np.abs(mine - other).max() <= 1e-5 * max(1.0, np.abs(other).max())


def test_is_the_same_every_time() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, (4, 64, 28, 28)).astype(np.float32)
    first = run(True, x, 2)
    for _ in range(3):
        assert all(np.array_equal(mine, other) for mine, other in zip(run(True, x, 2), first, strict=True))
