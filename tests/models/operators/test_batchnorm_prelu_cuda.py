"""The fused operator on a GPU against the formulas in double precision."""

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models.operators.batchnorm_prelu import batchnorm_prelu

pytestmark = pytest.mark.jittor

Doubles = npt.NDArray[np.float64]
SHAPES = [
    (4, 6, 5, 7),
    (3, 64, 9, 9),
    (8, 16),
    (1, 2, 3, 3),
    (64, 64, 28, 28),
    (256, 512),
    (37, 24, 14, 14),
    (130, 3000),
]


@pytest.mark.gpu
@pytest.mark.parametrize("with_prelu", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_formulas(shape: tuple[int, ...], with_prelu: bool) -> None:
    generator = np.random.default_rng(1)
    channels, eps = shape[1], 1e-3
    x, upstream = generator.normal(0.3, 2, shape), generator.normal(0, 1, shape)
    weight, bias = generator.uniform(0.5, 2, channels), generator.normal(0, 1, channels)
    slope = generator.uniform(-0.8, 1.2, channels) if with_prelu else np.ones(channels)
    with jt.flag_scope(use_cuda=1):
        batchnorm, prelu, value = nn.BatchNorm(channels, eps=eps), nn.PReLU(channels), jt.array(x).float32()
        for parameter, wanted in ((batchnorm.weight, weight), (batchnorm.bias, bias), (prelu.weight, slope)):
            parameter.assign(jt.array(wanted).float32())
        y = batchnorm_prelu(batchnorm, prelu if with_prelu else None, value)
        trained = [value, batchnorm.weight, batchnorm.bias, *([prelu.weight] if with_prelu else [])]
        gradients = jt.grad((y * jt.array(upstream).float32()).sum(), trained)
        ours = [v.numpy() for v in (y, batchnorm.running_mean, batchnorm.running_var, *gradients)]

    def wide(values: Doubles) -> Doubles:
        return values.reshape((1, channels) + (1,) * (len(shape) - 2))

    axes = (0, *range(2, len(shape)))
    mean, variance = x.mean(axes), x.var(axes)
    unit = (x - wide(mean)) / np.sqrt(wide(variance) + eps)
    z = unit * wide(weight) + wide(bias)
    d = np.where(z > 0, upstream, wide(slope) * upstream)
    dw, db, count = (d * unit).sum(axes), d.sum(axes), x.size / channels
    dx = wide(weight) / np.sqrt(wide(variance) + eps) * (d - wide(db) / count - unit * wide(dw) / count)
    expected = [np.where(z > 0, z, wide(slope) * z), 0.1 * mean, 0.9 + 0.1 * variance, dx, dw, db]
    if with_prelu:
        expected.append(np.where(z > 0, 0, upstream * z).sum(axes))
    for mine, right in zip(ours, expected, strict=True):
        # An element so near to 0 that its sign is the rounding's is on the other side of the PReLU.
        assert np.linalg.norm(mine - right) <= 1e-4 * np.linalg.norm(right)
