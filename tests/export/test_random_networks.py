"""Random small networks from the supported layers, in Jittor and in onnxruntime."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jittor import nn

from sface.export.module_export import run_file, run_module, trace_module
from sface.export.onnx_files.serialize import serialize
from sface.export.parity.random_weights import with_random_weights
from sface.export.passes import run_passes

pytestmark = pytest.mark.jittor

CHANNELS, SIZE = 4, 8


class Chain(nn.Module):
    """Layers on (N, 4, S, S) one after the other, each perhaps with a shortcut, then a classifier."""

    def __init__(self, steps: list[tuple[str, bool]]) -> None:
        self.names = steps
        self.layers = nn.ModuleList([LAYERS[name]() for name, _ in steps])
        self.out = nn.Linear(CHANNELS, 3)

    def execute(self, x: Any) -> Any:
        for layer, (_, shortcut) in zip(self.layers, self.names, strict=True):
            y = layer(x)
            x = x + y if shortcut and tuple(y.shape) == tuple(x.shape) else y
        return self.out(x.mean([2, 3])), x


LAYERS: dict[str, Any] = {
    "1x1": lambda: nn.Conv(CHANNELS, CHANNELS, 1, bias=False),
    "3x3": lambda: nn.Conv(CHANNELS, CHANNELS, 3, padding=1),
    "3x3 unpadded": lambda: nn.Conv(CHANNELS, CHANNELS, 3, padding=1, stride=2),
    "depthwise": lambda: nn.Conv(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS, bias=False),
    "transposed": lambda: nn.ConvTranspose(CHANNELS, CHANNELS, 2, stride=2),
    "batch norm": lambda: nn.BatchNorm(CHANNELS),
    "instance norm": lambda: nn.InstanceNorm(CHANNELS),
    "group norm": lambda: nn.GroupNorm(2, CHANNELS),
    "prelu": lambda: nn.PReLU(CHANNELS),
    "one slope": lambda: nn.PReLU(1),
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "dropout": lambda: nn.Dropout(0.5),
    "identity": nn.Identity,
    "mean of neighbours": lambda: nn.AvgPool2d(2, 1, 1),
    "largest of neighbours": lambda: nn.MaxPool2d(3, 1, 1),
    "upsample": lambda: nn.Upsample(2),
    "padding": lambda: nn.ReflectionPad2d(1),
}


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), st.booleans()), min_size=3, max_size=7), st.integers(1, 3))
def test_equals_jittor(steps: list[tuple[str, bool]], batch: int) -> None:
    """With all passes: what they rewrite depends on what stands next to it."""
    x = np.random.default_rng(len(steps)).standard_normal((batch, CHANNELS, SIZE, SIZE), dtype=np.float32)
    module = with_random_weights(Chain([("3x3", False), *steps]), (x,))
    model = trace_module(module, {"input": ((2, CHANNELS, SIZE, SIZE), "float32")}, None).model
    run_passes(model)
    for expected, actual in zip(run_module(module)(x), run_file(serialize(model))(x), strict=True):
        assert expected.shape == actual.shape
        assert np.abs(expected - actual).max() <= 1e-5 * max(1.0, float(np.abs(expected).max()))
