"""Which convolution goes which way, and the 1x1 operator against Jittor's own convolution."""

import os
import subprocess
import sys
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models import NetworkConfig, build_network
from sface.models.operators import pointwise_convolution as convolution
from sface.models.operators.depthwise_convolution import Depthwise3x3
from sface.models.operators.pointwise_convolution import Pointwise

pytestmark = pytest.mark.jittor

Array = npt.NDArray[Any]


def run(own: bool, x: Array, out_channels: int) -> list[Array]:
    """Output, gradient of the input, gradient of the weight, of a 1x1 convolution."""
    conv = nn.Conv(x.shape[1], out_channels, 1, bias=False)
    conv.weight.assign(jt.array(np.random.default_rng(1).normal(0, 1, conv.weight.shape).astype(np.float32)))
    value: Any = jt.array(x)
    y = Pointwise.apply(value, conv.weight) if own else conv(value)
    upstream = np.random.default_rng(2).normal(0, 1, y.shape).astype(np.float32)
    return [var.numpy() for var in [y, *jt.grad((y * jt.array(upstream)).sum(), [value, conv.weight])]]


@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (2, 64, 7, 7), (5, 16, 28, 14), (9, 8, 1, 1)])
@pytest.mark.parametrize("out_channels", [1, 24])
def test_pointwise_equals_jittors_convolution(shape: tuple[int, ...], out_channels: int) -> None:
    x = np.random.default_rng(0).normal(0.3, 1, shape).astype(np.float32)
    for mine, other in zip(run(True, x, out_channels), run(False, x, out_channels), strict=True):
        assert mine.shape == other.shape
        assert np.abs(mine - other).max() <= 1e-5 * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("images", [1, 7])
def test_pointwise_is_the_same_every_time(images: int) -> None:
    x = np.random.default_rng(0).normal(0.3, 1, (images, 64, 28, 28)).astype(np.float32)
    first = run(True, x, 128)
    for _ in range(3):
        assert all(np.array_equal(mine, other) for mine, other in zip(run(True, x, 128), first, strict=True))


def chosen(conv: nn.Conv, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which operator `convolution` uses, and that it gives what `conv` gives."""
    used = ["jittor"]
    for operator in (Pointwise, Depthwise3x3):
        original = operator.execute
        name = operator.__name__

        def execute(self: Any, *args: Any, _original: Any = original, _name: str = name) -> Any:
            used[0] = _name
            return _original(self, *args)

        monkeypatch.setattr(operator, "execute", execute)
    x = jt.array(np.random.default_rng(0).normal(0, 1, (2, 8, 9, 9)).astype(np.float32))
    actual, expected = convolution.convolution(conv, x).numpy(), conv(x).numpy()
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    return used[0]


@pytest.mark.parametrize(
    ("arguments", "operator"),
    [
        ({"kernel_size": 1}, "Pointwise"),
        ({"kernel_size": 1, "stride": 2}, "jittor"),
        ({"kernel_size": 1, "padding": 1}, "jittor"),
        ({"kernel_size": 1, "groups": 2}, "jittor"),
        ({"kernel_size": 1, "bias": True}, "jittor"),
        ({"kernel_size": 3, "padding": 1}, "jittor"),
        ({"kernel_size": 3, "padding": 1, "groups": 8}, "Depthwise3x3"),
        ({"kernel_size": 3, "padding": 1, "groups": 8, "stride": 2}, "Depthwise3x3"),
        ({"kernel_size": 3, "padding": 0, "groups": 8}, "jittor"),
        ({"kernel_size": 3, "padding": 2, "dilation": 2, "groups": 8}, "jittor"),
        ({"kernel_size": 7, "groups": 8}, "jittor"),
    ],
)
def test_what_each_convolution_uses(arguments: dict[str, Any], operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(nn.Conv(8, 8, **{"bias": False, **arguments}), monkeypatch) == operator


def test_evaluation_uses_jittors(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = nn.Conv(8, 8, 1, bias=False)
    conv.eval()
    assert chosen(conv, monkeypatch) == "jittor"


def test_the_network_uses_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training pass of MobileFaceNet: 31 1x1 and 16 depthwise 3x3 convolutions; a pass in evaluation: none."""
    counts = {"Pointwise": 0, "Depthwise3x3": 0}
    for operator in (Pointwise, Depthwise3x3):
        original = operator.execute
        name = operator.__name__

        def execute(self: Any, *args: Any, _original: Any = original, _name: str = name) -> Any:
            counts[_name] += 1
            return _original(self, *args)

        monkeypatch.setattr(operator, "execute", execute)
    module = build_network(NetworkConfig("MobileFaceNet", embedding_size=16))
    images = jt.array(np.zeros((2, 3, 112, 112), dtype=np.float32))
    module.train()
    module(images).sync()
    assert counts == {"Pointwise": 31, "Depthwise3x3": 16}
    module.eval()
    module(images).sync()
    assert counts == {"Pointwise": 31, "Depthwise3x3": 16}


def test_without_onednn_jittor_does_it_all() -> None:
    """A process of its own: the product of matrices is oneDNN's, which use_mkl=0 switches off."""
    program = (
        "import sface.models, jittor as jt, numpy as np; from jittor import nn;"
        "from sface.models.operators.pointwise_convolution import convolution;"
        "c = nn.Conv(4, 6, 1, bias=False); x = jt.array(np.ones((2, 4, 3, 3), dtype=np.float32));"
        "assert abs(convolution(c, x).numpy() - c(x).numpy()).max() < 1e-6; print('equal')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ | {"use_mkl": "0"}
    )
    assert done.stdout.strip() == "equal", done.stderr
