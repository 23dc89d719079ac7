"""Small modules as ONNX graphs; what has no rule is named."""

from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from jittor import nn

from sface.errors import ModelError
from sface.export.rules import LAYERS
from sface.export.to_onnx import serialize
from sface.export.trace import trace


class Of(nn.Module):
    """A module made of one function and some layers."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.function = function

    def execute(self, x: Any) -> Any:
        return self.function(self, x)


def model_of(module: nn.Module, shape: tuple[int, ...]) -> ir.Model:
    module.eval()
    return trace(module, shape, LAYERS, ("input", "output"))


def check(module: nn.Module, shape: tuple[int, ...]) -> None:
    """Jittor and onnxruntime agree, at the traced batch size and at others."""
    generator = np.random.default_rng(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm):
            layer.running_mean.assign(jt.array(generator.normal(0, 1, layer.num_features).astype(np.float32)))
            layer.running_var.assign(jt.array(generator.uniform(0.5, 2, layer.num_features).astype(np.float32)))
    session = onnxruntime.InferenceSession(serialize(model_of(module, shape)), providers=["CPUExecutionProvider"])
    for batch in (1, shape[0], 5):
        x = generator.standard_normal((batch, *shape[1:]), dtype=np.float32)
        expected = module(jt.array(x)).numpy()
        (actual,) = session.run(None, {"input": x})
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "convolution": (Of(lambda m, x: m.c(x), c=nn.Conv(3, 5, 3, padding=1)), (2, 3, 8, 8)),
    "strided, without bias": (Of(lambda m, x: m.c(x), c=nn.Conv(4, 8, 3, 2, 1, bias=False)), (2, 4, 9, 7)),
    "depthwise": (Of(lambda m, x: m.c(x), c=nn.Conv(4, 4, 3, groups=4)), (2, 4, 8, 8)),
    "dilated, uneven": (Of(lambda m, x: m.c(x), c=nn.Conv(2, 3, (3, 1), 1, (2, 0), dilation=2)), (2, 2, 9, 9)),
    "batch normalisation": (Of(lambda m, x: m.b(x), b=nn.BatchNorm(3, eps=1e-3)), (2, 3, 4, 4)),
    "the same on (N, C)": (Of(lambda m, x: m.b(x), b=nn.BatchNorm(3)), (2, 3)),
    "prelu, a slope each": (Of(lambda m, x: m.p(x), p=nn.PReLU(3, init_=-0.3)), (2, 3, 4, 4)),
    "prelu, one slope": (Of(lambda m, x: m.p(x), p=nn.PReLU(1, init_=1.2)), (2, 3, 4, 4)),
    "relu": (Of(lambda m, x: m.r(x), r=nn.ReLU()), (2, 3)),
    "sigmoid": (Of(lambda m, x: m.s(x * 20), s=nn.Sigmoid()), (2, 3)),
    "dropout": (Of(lambda m, x: m.d(x) + 1, d=nn.Dropout(0.5)), (2, 3)),
    "every second pixel": (Of(lambda m, x: m.p(x), p=nn.Pool(1, 2, op="maximum")), (2, 3, 6, 9)),
    "largest of neighbours": (Of(lambda m, x: m.p(x), p=nn.Pool((3, 2), (2, 1), (1, 0), op="maximum")), (2, 3, 6, 9)),
    "mean of all pixels": (Of(lambda m, x: x * m.a(x), a=nn.AdaptiveAvgPool2d(1)), (2, 3, 4, 5)),
    "linear": (Of(lambda m, x: m.l(x), l=nn.Linear(6, 4)), (2, 6)),
    "linear without bias": (Of(lambda m, x: m.l(x), l=nn.Linear(6, 4, bias=False)), (2, 6)),
    "flatten": (Of(lambda m, x: m.l(x.reshape((x.shape[0], -1))), l=nn.Linear(12, 4)), (2, 3, 2, 2)),
    "the layer Flatten": (Of(lambda m, x: m.l(m.f(x)), f=nn.Flatten(), l=nn.Linear(12, 4)), (2, 3, 2, 2)),
    "arithmetic": (Of(lambda m, x: (x - 127.5) * 0.5 + x / 3 + x), (2, 3)),
    "a constant on the left": (Of(lambda m, x: 2 * x + 1), (2, 3)),
    "a Var": (Of(lambda m, x: x * jt.array(np.array([1, 2, 3], dtype=np.float32))), (2, 3)),
    "shortcut, used twice": (Of(lambda m, x: m.c(m.c(x)) + x, c=nn.Conv(3, 3, 3, padding=1)), (2, 3, 5, 5)),
    "nested": (Of(lambda m, x: m.o(x), o=Of(lambda m, x: m.i(x) + x, i=nn.Linear(3, 3))), (2, 3)),
}


@pytest.mark.parametrize("name", MODULES)
def test_equals_jittor(name: str) -> None:
    check(*MODULES[name])


def test_nodes_are_named_by_their_layers_path() -> None:
    model = model_of(*MODULES["nested"])
    assert [node.name for node in model.graph] == ["o.i.Gemm", "o.Add"]
    of_a_sequence = Of(lambda m, x: m.s[1](x), s=nn.Sequential(nn.ReLU(), nn.Linear(3, 3)))
    assert [node.name for node in model_of(of_a_sequence, (2, 3)).graph] == ["s.1.Gemm"]


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x.median())), (2, 3), "o: the operation 'median'"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x if x else -x)), (2, 3), "o: a condition on the values"),
        (Of(lambda m, x: m.l(x), l=nn.Linear(4, 4)), (2, 3, 4), "l: Linear on 3 axes"),
        (Of(lambda m, x: m.p(x), p=nn.Pool(2, 2, op="mean")), (2, 3, 4, 4), "p: Pool can be exported with"),
        (Of(lambda m, x: m.p(x), p=nn.Pool(2, 2, ceil_mode=True)), (2, 3, 4, 4), "p: Pool can be exported with"),
        (Of(lambda m, x: m.a(x), a=nn.AdaptiveAvgPool2d(2)), (2, 3, 4, 4), "a: AdaptiveAvgPool2d to 2"),
        (Of(lambda m, x: m.f(x), f=nn.Flatten(2)), (2, 3, 4, 4), "f: Flatten can be exported"),
        (Of(lambda m, x: x.reshape((-1, 2))), (2, 4), "fixes the batch"),
        (Of(lambda m, x: x.reshape((x.shape[0], 5))), (2, 4), "reshape of"),
        (Of(lambda m, x: (x, x)), (2, 4), "gives tuple, not one value"),
    ],
    ids=[
        *("operation", "condition", "linear", "mean", "ceil", "adaptive", "flatten"),
        *("batch", "reshape", "two outputs"),
    ],
)
def test_what_has_no_rule_is_named(module: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        model_of(module, shape)


def test_the_module_is_left_as_it_was() -> None:
    before = nn.Module.__call__
    module, shape = MODULES["nested"]
    weights = {name: var.numpy() for name, var in module.named_parameters()}
    model_of(module, shape)
    with pytest.raises(ModelError):
        model_of(Of(lambda m, x: x.median()), (2, 3))
    assert nn.Module.__call__ is before
    assert all(np.array_equal(var.numpy(), weights[name]) for name, var in module.named_parameters())
    assert tuple(module(jt.zeros((2, 3))).shape) == (2, 3)
