"""Small modules as ONNX graphs: layers, functions and what people write between them; what has no rule is named."""

from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from jittor import concat, nn
from jittor.nn import relu6

from sface.errors import ModelError
from sface.export.module_export import run_module, trace_module
from sface.export.onnx_files.serialize import serialize

pytestmark = pytest.mark.jittor


class Of(nn.Module):
    """A module made of one function and some layers."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.function = function

    def execute(self, *x: Any) -> Any:
        return self.function(self, *x)


def model_of(module: nn.Module, shape: tuple[int, ...], **options: Any) -> ir.Model:
    return trace_module(module, {"input": (shape, "float32")}, None, **options).model


def check(module: nn.Module, shape: tuple[int, ...], bound: float = 1e-5) -> None:
    """Jittor and onnxruntime agree, at the traced batch size and at others."""
    generator = np.random.default_rng(0)
    for name, var in module.named_parameters():
        if not name.endswith("running_var"):
            var.assign(var + jt.array(generator.normal(0, 0.5, tuple(var.shape)).astype(np.float32)))
        else:
            var.assign(jt.array(generator.uniform(0.5, 2, tuple(var.shape)).astype(np.float32)))
    session = onnxruntime.InferenceSession(serialize(model_of(module, shape)), providers=["CPUExecutionProvider"])
    for batch in (1, shape[0], 5):
        x = generator.standard_normal((batch, *shape[1:]), dtype=np.float32)
        for expected, actual in zip(run_module(module)(x), session.run(None, {"input": x}), strict=True):
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            assert np.abs(actual - expected).max() <= bound * max(1.0, np.abs(expected).max())


class Twice(jt.Function):
    """A function with a gradient of its own."""

    def execute(self, x: Any) -> Any:
        return x * 2

    def grad(self, grad: Any) -> Any:
        return grad * 2


def attention(m: Any, x: Any) -> Any:
    """Two heads, written as people do."""
    batch, length, width = x.shape
    query, key, value = (
        part.reshape(batch, length, 2, width // 2).permute(0, 2, 1, 3) for part in jt.chunk(m.qkv(x), 3, dim=-1)
    )
    weights = nn.softmax(query @ key.transpose(2, 3) / (width // 2) ** 0.5, dim=-1)
    together = jt.matmul(weights, value).permute(0, 2, 1, 3).reshape(batch, length, width)
    return m.norm(x + m.out(together))


def shuffle(_m: Any, x: Any) -> Any:
    batch, channels, height, width = x.data.shape
    return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, -1, height, width)


def squeeze_excite(m: Any, x: Any) -> Any:
    gate = x.mean([2, 3], keepdims=True)
    return x * m.c(gate).sigmoid()


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "convolution": (Of(lambda m, x: m.c(x), c=nn.Conv(3, 5, 3, padding=1)), (2, 3, 8, 8)),
    "strided, without bias": (Of(lambda m, x: m.c(x), c=nn.Conv(4, 8, 3, 2, 1, bias=False)), (2, 4, 9, 7)),
    "depthwise": (Of(lambda m, x: m.c(x), c=nn.Conv(4, 4, 3, groups=4)), (2, 4, 8, 8)),
    "grouped": (Of(lambda m, x: m.c(x), c=nn.Conv(4, 6, 3, groups=2)), (2, 4, 8, 8)),
    "dilated, uneven": (Of(lambda m, x: m.c(x), c=nn.Conv(2, 3, (3, 1), 1, (2, 0), dilation=2)), (2, 2, 9, 9)),
    "convolution of one axis": (Of(lambda m, x: m.c(x), c=nn.Conv1d(3, 4, 3, 2, 1)), (2, 3, 9)),
    "convolution of three axes": (Of(lambda m, x: m.c(x), c=nn.Conv3d(2, 3, 3, 1, 1)), (2, 2, 4, 5, 6)),
    "transposed convolution": (Of(lambda m, x: m.c(x), c=nn.ConvTranspose(3, 4, 3, 2, 1, 1)), (2, 3, 5, 6)),
    "conv2d as a function": (Of(lambda m, x: nn.conv2d(x, m.c.weight, None, 2, 1), c=nn.Conv(3, 4, 3)), (2, 3, 8, 8)),
    "conv_transpose": (
        Of(lambda m, x: nn.conv_transpose(x, m.c.weight, m.c.bias, 2), c=nn.ConvTranspose(3, 4, 3)),
        (2, 3, 5, 6),
    ),
    "batch normalisation": (Of(lambda m, x: m.b(x), b=nn.BatchNorm(3, eps=1e-3)), (2, 3, 4, 4)),
    "the same on (N, C)": (Of(lambda m, x: m.b(x), b=nn.BatchNorm(3)), (2, 3)),
    "the same, not affine": (Of(lambda m, x: m.b(x), b=nn.BatchNorm(3, affine=False)), (2, 3, 5)),
    "instance normalisation": (Of(lambda m, x: m.n(x), n=nn.InstanceNorm(3)), (2, 3, 6, 5)),
    "layer normalisation": (Of(lambda m, x: m.n(x), n=nn.LayerNorm(6)), (2, 4, 6)),
    "over two axes, not affine": (Of(lambda m, x: m.n(x), n=nn.LayerNorm((4, 6), elementwise_affine=False)), (2, 4, 6)),
    "group normalisation": (Of(lambda m, x: m.n(x), n=nn.GroupNorm(2, 6)), (2, 6, 5, 4)),
    "prelu, a slope each": (Of(lambda m, x: m.p(x), p=nn.PReLU(3, init_=-0.3)), (2, 3, 4, 4)),
    "prelu, one slope": (Of(lambda m, x: m.p(x), p=nn.PReLU(1, init_=1.2)), (2, 3, 4, 4)),
    "relu": (Of(lambda m, x: m.r(x), r=nn.ReLU()), (2, 3)),
    "relu6": (Of(lambda m, x: m.r(x * 9), r=nn.ReLU6()), (2, 3)),
    "relu6, imported by name": (Of(lambda m, x: relu6(x * 9)), (2, 3)),
    "leaky relu": (Of(lambda m, x: m.r(x) + nn.leaky_relu(x, 0.3), r=nn.LeakyReLU(0.1)), (2, 3)),
    "elu": (Of(lambda m, x: m.e(x), e=nn.ELU(0.7)), (2, 3)),
    "gelu": (Of(lambda m, x: m.g(x), g=nn.GELU()), (2, 3)),
    "silu": (Of(lambda m, x: m.s(x) + nn.silu(-x), s=nn.SiLU()), (2, 3)),
    "mish": (Of(lambda m, x: x * jt.tanh(nn.softplus(x))), (2, 3)),
    "softplus": (Of(lambda m, x: m.s(x), s=nn.Softplus()), (2, 3)),
    "hardswish": (Of(lambda m, x: x * nn.relu6(x + 3) / 6), (2, 3)),
    "sigmoid": (Of(lambda m, x: m.s(x * 20), s=nn.Sigmoid()), (2, 3)),
    "tanh": (Of(lambda m, x: m.t(x), t=nn.Tanh()), (2, 3)),
    "softmax": (Of(lambda m, x: m.s(x) + nn.log_softmax(x, 1), s=nn.Softmax(dim=2)), (2, 3, 4)),
    "dropout": (Of(lambda m, x: m.p(m.d(x)) + nn.dropout(x), d=nn.Dropout(0.5), p=nn.DropPath(0.3)), (2, 3)),
    "every second pixel": (Of(lambda m, x: m.p(x), p=nn.Pool(1, 2, op="maximum")), (2, 3, 6, 9)),
    "largest of neighbours": (Of(lambda m, x: m.p(x), p=nn.Pool((3, 2), (2, 1), (1, 0), op="maximum")), (2, 3, 6, 9)),
    "largest, rounded up": (Of(lambda m, x: m.p(x), p=nn.MaxPool2d(3, 2, ceil_mode=True)), (2, 3, 6, 10)),
    "smallest of neighbours": (Of(lambda m, x: m.p(x), p=nn.Pool(2, op="minimum")), (2, 3, 6, 9)),
    "mean of neighbours": (Of(lambda m, x: m.p(x), p=nn.AvgPool2d(3, 2, 1)), (2, 3, 6, 9)),
    "mean, without padding": (
        Of(lambda m, x: m.p(x), p=nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)),
        (2, 3, 6, 9),
    ),
    "mean, rounded up": (Of(lambda m, x: m.p(x), p=nn.AvgPool2d(3, 2, 1, ceil_mode=True)), (2, 3, 6, 8)),
    "pool as a function": (Of(lambda m, x: nn.pool(x, 3, "mean", stride=2)), (2, 3, 7, 9)),
    "mean of all pixels": (Of(lambda m, x: x * m.a(x), a=nn.AdaptiveAvgPool2d(1)), (2, 3, 4, 5)),
    "mean of areas": (Of(lambda m, x: m.a(x), a=nn.AdaptiveAvgPool2d((2, 3))), (2, 3, 5, 7)),
    "largest of areas": (Of(lambda m, x: m.a(x), a=nn.AdaptiveMaxPool2d((None, 2))), (2, 3, 5, 7)),
    "nearest": (Of(lambda m, x: m.u(x), u=nn.Upsample(2)), (2, 3, 4, 5)),
    "bilinear": (Of(lambda m, x: nn.interpolate(x, scale_factor=1.5)), (2, 3, 4, 6)),
    "bilinear, smaller": (Of(lambda m, x: nn.interpolate(x, size=(3, 4))), (2, 3, 7, 9)),
    "bilinear, corners": (
        Of(lambda m, x: nn.interpolate(x, size=7, mode="bilinear", align_corners=True)),
        (2, 3, 4, 5),
    ),
    "bicubic": (Of(lambda m, x: nn.interpolate(x, size=(8, 9), mode="bicubic")), (2, 3, 4, 5)),
    "padding": (
        Of(lambda m, x: m.p(nn.pad(x, [1, 2, 0, 1], value=3)), p=nn.ReflectionPad2d(1)),
        (2, 3, 4, 5),
    ),
    "padding with the border": (
        Of(lambda m, x: m.z(m.p(x)), p=nn.ReplicationPad2d(2), z=nn.ZeroPad2d(1)),
        (2, 3, 4, 5),
    ),
    "pixel shuffle": (Of(lambda m, x: m.p(x), p=nn.PixelShuffle(2)), (2, 8, 3, 4)),
    "linear": (Of(lambda m, x: m.l(x), l=nn.Linear(6, 4)), (2, 6)),
    "linear without bias": (Of(lambda m, x: m.l(x), l=nn.Linear(6, 4, bias=False)), (2, 6)),
    "linear on three axes": (Of(lambda m, x: m.l(x) + nn.linear(x, m.l.weight), l=nn.Linear(6, 4)), (2, 3, 6)),
    "flatten": (Of(lambda m, x: m.l(x.reshape((x.shape[0], -1))), l=nn.Linear(12, 4)), (2, 3, 2, 2)),
    "rows": (Of(lambda m, x: x.reshape((-1, 2))), (2, 4)),
    "rows and back": (
        Of(lambda m, x: m.l(x.reshape(x.shape[0] * 3, 4)).view(x.shape[0], 3, 5), l=nn.Linear(4, 5)),
        (2, 3, 4),
    ),
    "the layer Flatten": (Of(lambda m, x: m.l(m.f(x)), f=nn.Flatten(), l=nn.Linear(12, 4)), (2, 3, 2, 2)),
    "flatten the end": (Of(lambda m, x: m.f(x), f=nn.Flatten(2)), (2, 3, 4, 5)),
    "flatten with the batch": (Of(lambda m, x: x.flatten(0, 1)), (2, 3, 4)),
    "arithmetic": (Of(lambda m, x: (x - 127.5) * 0.5 + x / 3 + x), (2, 3)),
    "a constant on the left": (Of(lambda m, x: 2 * x + 1 - (1 - x) / (2 + x * x)), (2, 3)),
    "powers": (Of(lambda m, x: x**2 + abs(x) ** 0.5 + jt.exp(-x).sqrt() + x.sqr().maximum(0.1).log()), (2, 3)),
    "a Var": (Of(lambda m, x: x * jt.array(np.array([1, 2, 3], dtype=np.float32))), (2, 3)),
    "a Var on the left": (Of(lambda m, x: jt.array(np.array([1, 2, 3], dtype=np.float32)) - x), (2, 3)),
    "a Var spread out": (Of(lambda m, x: x * m.p.weight.broadcast(x, [0, 2, 3]), p=nn.PReLU(3)), (2, 3, 4, 5)),
    "conditions": (Of(lambda m, x: jt.ternary((x > 0) & (x < 1), x, -x) + jt.where(x >= 0.5, x, x * 0)), (2, 8)),
    "conditions as numbers": (
        Of(lambda m, x: (x > 0).float32() + (x != x).float() + jt.logical_not(x < 0).int32()),
        (2, 8),
    ),
    "clamp": (Of(lambda m, x: jt.clamp(x, -0.5, 0.5) + x.clamp(min_v=0) + jt.minimum(x, 1)), (2, 8)),
    "means": (Of(lambda m, x: x.mean(1) + x.sum(dim=1) / 7 + jt.max(x, 1) - x.min(1)), (2, 3, 4)),
    "means that keep the axis": (
        Of(lambda m, x: x - x.mean(-1, keepdims=True) - x.max(dims=[1, 2], keepdims=True)),
        (2, 3, 4),
    ),
    "norm": (Of(lambda m, x: x / x.norm(dim=1, keepdim=True) + jt.normalize(x, dim=1)), (2, 5)),
    "standard deviation": (Of(lambda m, x: x.std(1) + jt.norm(x, 1, 1)), (2, 5)),
    "largest index": (Of(lambda m, x: jt.argmax(x, 1)), (2, 5)),
    "transposed": (Of(lambda m, x: x.permute(0, 2, 1).transpose(0, 2, 1).transpose(1, 2)), (2, 3, 4)),
    "joined": (Of(lambda m, x: concat([x, x * 2], dim=1) + jt.concat((x, x), 1)), (2, 3)),
    "stacked": (Of(lambda m, x: jt.stack([x, -x], dim=1)), (2, 3)),
    "split": (Of(lambda m, x: jt.split(x, 2, 1)[2] * jt.split(x, [1, 4], 1)[0]), (2, 5)),
    "slices": (Of(lambda m, x: x[:, 1:3, ::2] * x[:, -2:, None, 0] + x[..., ::2][:, :2, :2]), (2, 4, 4)),
    "a list of indices": (Of(lambda m, x: x[:, [2, 0]]), (2, 4, 3)),
    "new axes": (Of(lambda m, x: x.unsqueeze(1).unsqueeze(-1).squeeze(1) + x[:, :, None]), (2, 4)),
    "repeated": (Of(lambda m, x: x.repeat(1, 2) + x.unsqueeze(1).expand(-1, 2, -1).reshape(x.shape[0], -1)), (2, 4)),
    "turned round": (Of(lambda m, x: x.flip(1)), (2, 4)),
    "like": (Of(lambda m, x: x + jt.ones_like(x) - jt.zeros_like(x)), (2, 4)),
    "matrix products": (Of(lambda m, x: x @ x.transpose(0, 2, 1) + jt.bmm(x, x.permute(0, 2, 1))), (2, 3, 4)),
    "attention": (Of(attention, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8), norm=nn.LayerNorm(8)), (2, 5, 8)),
    "channel shuffle": (Of(shuffle), (2, 6, 3, 4)),
    "squeeze and excitation": (Of(squeeze_excite, c=nn.Conv(3, 3, 1)), (2, 3, 4, 5)),
    "a function of one's own": (Of(lambda m, x: Twice.apply(x) + Twice()(x)), (2, 3)),
    "shortcut, used twice": (Of(lambda m, x: m.c(m.c(x)) + x, c=nn.Conv(3, 3, 3, padding=1)), (2, 3, 5, 5)),
    "a list of layers": (
        Of(lambda m, x: sum(layer(x) for layer in m.l), l=nn.ModuleList([nn.Linear(3, 3)] * 2)),
        (2, 3),
    ),
    "nested": (Of(lambda m, x: m.o(x), o=Of(lambda m, x: m.i(x) + x, i=nn.Linear(3, 3))), (2, 3)),
    "two outputs": (Of(lambda m, x: (x * 2, x.sum(1))), (2, 3)),
    "outputs by name": (Of(lambda m, x: {"double": x * 2, "as it was": x}), (2, 3)),
}


@pytest.mark.parametrize("name", MODULES)
def test_equals_jittor(name: str) -> None:
    check(*MODULES[name])


def test_inputs_of_other_types() -> None:
    """Ids of a look-up table, and a second input that has the batch as well."""
    module = Of(lambda m, ids, x: m.e(ids).mean(1) + x, e=nn.Embedding(9, 4))
    inputs = {"ids": ((2, 5), "int32"), "x": ((2, 4), "float32")}
    session = onnxruntime.InferenceSession(serialize(trace_module(module, inputs, ["sum"]).model))
    for batch in (1, 3):
        ids = np.random.default_rng(0).integers(0, 9, (batch, 5)).astype(np.int32)
        x = np.random.default_rng(1).standard_normal((batch, 4), dtype=np.float32)
        (actual,) = session.run(["sum"], {"ids": ids, "x": x})
        assert np.abs(actual - run_module(module)(ids, x)[0]).max() < 1e-5


def test_the_batch_can_be_fixed() -> None:
    module = Of(lambda m, x: x.reshape(8))
    model = trace_module(module, {"input": ((2, 4), "float32")}, None, dynamic_batch=False).model
    assert model.graph.inputs[0].shape == ir.Shape([2, 4])
    assert model.graph.outputs[0].shape == ir.Shape([8])


def test_a_rule_of_ones_own() -> None:
    """For a layer, and for a function that has none."""
    module = Of(lambda m, x: m.o(x).cumsum(1), o=Of(lambda m, x: x * 3))
    rules = {
        Of: lambda graph, layer, x: layer.execute(x) if layer is module else graph.call("multiply", x, 3.0),
        "cumsum": lambda graph, x, dim: graph.node("CumSum", [x, graph.constant(np.array(dim))], x.shape, x.dtype),
    }
    model = model_of(module, (2, 4), rules=rules)
    assert [node.op_type for node in model.graph] == ["Mul", "CumSum"]
    x = np.random.default_rng(0).standard_normal((3, 4), dtype=np.float32)
    (actual,) = onnxruntime.InferenceSession(serialize(model)).run(None, {"input": x})
    assert np.abs(actual - np.cumsum(3 * x, 1)).max() < 1e-5


def test_nodes_are_named_by_their_layers_path() -> None:
    model = model_of(*MODULES["nested"])
    assert [node.name for node in model.graph] == ["o.i.Gemm", "o.Add"]
    of_a_sequence = Of(lambda m, x: m.s[1](x), s=nn.Sequential(nn.ReLU(), nn.Linear(3, 3)))
    assert [node.name for node in model_of(of_a_sequence, (2, 3)).graph] == ["s.1.Gemm"]


def test_a_weight_that_is_used_twice_is_stored_once() -> None:
    model = model_of(*MODULES["shortcut, used twice"])
    assert sorted(model.graph.initializers) == ["c.bias", "c.weight"]


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x.median())), (2, 3), r"o: the operation 'argsort'"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: jt.argsort(x))), (2, 3), r"o: the operation 'argsort'"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x if x.sum() > 0 else -x)), (2, 3), "o: a condition or a number"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x * float(x.sum()))), (2, 3), "o: a condition or a number"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: np.array(x))), (2, 3), "o: a condition or a number"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x.add_(1))), (2, 3), "o: the operation 'add_'"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x[x > 0])), (2, 3), "o: an index of several lists, or of a cond"),
        (Of(lambda m, x: m.o(x), o=Of(lambda m, x: x[:1])), (2, 3), "o: cutting the batch"),
        (Of(lambda m, x: m.p(x), p=nn.Pool(2, return_indices=True)), (2, 3, 4, 4), "p: Pool with return_indices"),
        (Of(lambda m, x: m.r(x), r=nn.AdaptiveAvgPool3d(2)), (2, 3, 4, 4, 4), "r: the operation 'reindex'"),
        (Of(lambda m, x: x.reshape((8,))), (2, 4), "fixes the batch"),
        (Of(lambda m, x: x.reshape((x.shape[0], 5))), (2, 4), "the sizes don't fit"),
        (Of(lambda m, x: (x, 3)), (2, 4), "gives int, not values"),
        (Of(lambda m, x: jt.zeros((2, 3))), (2, 4), "gives jittor_core.Var, not values"),
    ],
    ids=[
        *("function", "operation", "condition", "number", "array", "in place", "mask", "batch cut", "indices"),
        *("layer", "batch", "reshape", "a number as output", "no input"),
    ],
)
def test_what_has_no_rule_is_named(module: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        model_of(module, shape)


def test_the_module_is_left_as_it_was() -> None:
    before = [nn.Module.__call__, jt.Function.__call__, jt.concat, nn.relu, jt.Var.__add__, jt.Var.reshape, relu6]
    module = Of(lambda m, x: m.d(m.b(m.l(x))), l=nn.Linear(3, 3), b=nn.BatchNorm(3), d=nn.Dropout(0.5))
    module.d.is_train = True
    weights = {name: var.numpy() for name, var in module.named_parameters()}
    attributes = {name: set(vars(layer)) for name, layer in module.named_modules()}
    model_of(module, (2, 3))
    with pytest.raises(ModelError):
        model_of(Of(lambda m, x: x.median()), (2, 3))
    assert [
        nn.Module.__call__,
        jt.Function.__call__,
        jt.concat,
        nn.relu,
        jt.Var.__add__,
        jt.Var.reshape,
        relu6,
    ] == before
    assert all(np.array_equal(var.numpy(), weights[name]) for name, var in module.named_parameters())
    assert {name: set(vars(layer)) for name, layer in module.named_modules()} == attributes
    assert module.b.is_train and module.d.is_train
    assert not module.l.weight.is_stop_grad()
    assert tuple(module(jt.zeros((2, 3))).shape) == (2, 3)
