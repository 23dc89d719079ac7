"""The fused operator against Jittor's own BatchNorm and PReLU: output, gradients, running statistics."""

from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models.operators.batchnorm_prelu import batchnorm_prelu

pytestmark = pytest.mark.jittor

Array = npt.NDArray[Any]


def layers(channels: int, seed: int, eps: float) -> tuple[nn.BatchNorm, nn.PReLU]:
    generator = np.random.default_rng(seed)
    batchnorm, prelu = nn.BatchNorm(channels, eps=eps), nn.PReLU(channels)
    batchnorm.weight.assign(jt.array(generator.uniform(0.5, 2, channels).astype(np.float32)))
    batchnorm.bias.assign(jt.array(generator.normal(0, 1, channels).astype(np.float32)))
    prelu.weight.assign(jt.array(generator.uniform(-0.8, 1.2, channels).astype(np.float32)))
    return batchnorm, prelu


def run(fused: bool, with_prelu: bool, x: Array, upstream: Array, eps: float) -> list[Array]:
    batchnorm, prelu = layers(x.shape[1], 0, eps)
    value: Any = jt.array(x)
    if fused:
        y = batchnorm_prelu(batchnorm, prelu if with_prelu else None, value)
    else:
        y = prelu(batchnorm(value)) if with_prelu else batchnorm(value)
    trained = [value, batchnorm.weight, batchnorm.bias] + ([prelu.weight] if with_prelu else [])
    gradients = jt.grad((y * jt.array(upstream)).sum(), trained)
    return [v.numpy() for v in [y, batchnorm.running_mean, batchnorm.running_var, *gradients]]


@pytest.mark.parametrize("with_prelu", [True, False])
@pytest.mark.parametrize("shape", [(4, 6, 5, 7), (3, 64, 9, 9), (8, 16), (1, 2, 3, 3)])
@pytest.mark.parametrize("eps", [1e-3, 2e-5])
def test_equals_jittors_layers(shape: tuple[int, ...], with_prelu: bool, eps: float) -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(0.3, 2, shape).astype(np.float32)
    upstream = generator.normal(0, 1, shape).astype(np.float32)
    ours, theirs = run(True, with_prelu, x, upstream, eps), run(False, with_prelu, x, upstream, eps)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine - other).max() <= 1e-5 * max(1.0, np.abs(other).max())


def test_a_large_mean_does_not_drown_the_variance() -> None:
    """mean(x²) - mean(x)² loses the variance when the mean is large; the fused operator subtracts first."""
    x = (np.random.default_rng(2).normal(0, 1, (8, 2, 16, 16)) + 1000).astype(np.float32)
    batchnorm = nn.BatchNorm(2)
    y = batchnorm_prelu(batchnorm, None, jt.array(x)).numpy()
    assert y.std() == pytest.approx(1, abs=1e-2)
    assert batchnorm.running_var.numpy() == pytest.approx(
        0.9 + 0.1 * x.astype(np.float64).var(axis=(0, 2, 3)), rel=1e-3
    )


def test_evaluation_uses_the_running_statistics() -> None:
    batchnorm, prelu = layers(3, 0, 1e-3)
    batchnorm.running_mean.assign(jt.array(np.array([1, 2, 3], dtype=np.float32)))
    batchnorm.eval(), prelu.eval()
    x = jt.array(np.random.default_rng(3).normal(0, 1, (2, 3, 4, 4)).astype(np.float32))
    before = batchnorm.running_mean.numpy()
    assert np.array_equal(batchnorm_prelu(batchnorm, prelu, x).numpy(), prelu(batchnorm(x)).numpy())
    assert np.array_equal(batchnorm.running_mean.numpy(), before)
