"""PRelu as convolutions."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sface.export.passes import rewrite_prelu

from .pass_check import Array, build, change, check, floats, node, operators, run

RANDOM = np.random.default_rng(0)
APPLY = rewrite_prelu.apply
LEAST = np.float32(1e-3)
SLOPES = st.one_of(
    st.floats(-3, 3, width=32, allow_subnormal=False), st.sampled_from([0.0, 1.0, -1.0, 0.25, 1.25])
).filter(lambda slope: slope == 0 or abs(slope) >= LEAST)


def prelu(slope: Array, shape: Any) -> onnx.ModelProto:
    return build([node("PRelu", ["x", "slope"], ["y"], name="bend")], {"slope": slope.astype(np.float32)}, shape)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    slopes=st.lists(SLOPES, min_size=1, max_size=20),
    batch=st.integers(1, 3),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    size=st.sampled_from([1e-3, 1.0, 1e4]),
    rank=st.sampled_from([3, 4]),
)
def test_any_slopes(
    seed: int, slopes: list[float], batch: int, height: int, width: int, size: float, rank: int
) -> None:
    slope = np.array(slopes).reshape(*[1] * (rank - 3), -1, 1, 1)
    x = floats(np.random.default_rng(seed), batch, len(slopes), height, width) * np.float32(size)
    after = check(APPLY, prelu(slope, x.shape), x)
    if set(slopes) == {0}:
        assert after == ["Relu"]
    elif set(slopes) == {1}:
        assert after == ["PRelu"]  # between an input and an output
    else:
        assert after == ["Conv", "Relu", "Conv", "Add"]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), slopes=st.lists(SLOPES.filter(lambda slope: slope <= 1), min_size=1, max_size=8))
def test_small_slopes_round_each_value_by_its_own_size(seed: int, slopes: list[float]) -> None:
    slope = np.array(slopes, np.float32).reshape(-1, 1, 1)
    x = floats(np.random.default_rng(seed), 1, len(slopes), 3, 3)
    exact = np.where(x > 0, x, x * slope.astype(np.float64))
    (y,) = run(change(APPLY, prelu(slope, x.shape)), {"x": x}, optimise=True)
    assert (np.abs(y - exact) <= 1e-6 * np.abs(exact)).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), slopes=st.lists(SLOPES, min_size=1, max_size=8))
def test_large_slopes_keep_what_is_positive(seed: int, slopes: list[float]) -> None:
    slope = np.array([*slopes, 1.5], np.float32).reshape(-1, 1, 1)
    x = floats(np.random.default_rng(seed), 1, len(slopes) + 1, 3, 3)
    exact = np.where(x > 0, x, x * slope.astype(np.float64))
    (y,) = run(change(APPLY, prelu(slope, x.shape)), {"x": x}, optimise=True)
    assert np.array_equal(y[x > 0], x[x > 0])
    assert (np.abs(y - exact) <= 1e-6 * np.maximum(np.abs(x), np.abs(exact))).all()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize("slope", [0.25, 1.5])
def test_one_slope_for_all_channels(shape: tuple[int, ...], slope: float) -> None:
    x = floats(RANDOM, 2, 6, 3, 3)
    assert check(APPLY, prelu(np.full(shape, slope), x.shape), x) == ["Conv", "Relu", "Conv", "Add"]


def test_a_batch_of_any_size() -> None:
    x = floats(RANDOM, 2, 6, 3, 3)
    assert check(APPLY, prelu(np.full((6, 1, 1), 0.25), ["N", 6, "H", "W"]), x) == ["Conv", "Relu", "Conv", "Add"]


def test_slopes_of_1_do_nothing() -> None:
    nodes = [node("Neg", ["x"], ["a"]), node("PRelu", ["a", "slope"], ["y"])]
    x = floats(RANDOM, 2, 6, 3, 3)
    assert check(APPLY, build(nodes, {"slope": np.ones((6, 1, 1), np.float32)}, x.shape), x) == ["Neg"]


@pytest.mark.parametrize("largest", [1.0, 1.5])
def test_names_shapes_and_types(largest: float) -> None:
    """Of what is new, where some names are taken; and two nodes that share a slope."""
    slope = np.linspace(-0.5, largest, 6, dtype=np.float32).reshape(6, 1, 1)
    nodes = [
        node("PRelu", ["x", "slope"], ["a"], name="bend"),
        node("PRelu", ["a", "slope"], ["bend.scaled"]),
        node("PRelu", ["bend.scaled", "slope"], ["y"], name="bend.positive"),
    ]
    x = floats(RANDOM, 2, 6, 3, 3)
    model = build(nodes, {"slope": slope}, x.shape)
    assert check(APPLY, model, x) == ["Conv", "Relu", "Conv", "Add"] * 3
    changed = change(APPLY, model)
    onnx.checker.check_model(changed, full_check=True)
    values = {value.name: value for value in changed.graph.value_info}
    for name in (output for new in changed.graph.node[:-1] for output in new.output):
        assert [dim.dim_value for dim in values[name].type.tensor_type.shape.dim] == [2, 6, 3, 3]
        assert values[name].type.tensor_type.elem_type == TensorProto.FLOAT
    names = [*values, *(tensor.name for tensor in changed.graph.initializer if tensor.name not in values)]
    assert len(names) == len(set(names))
    assert "slope" not in names
    assert {"bend.scaled", "bend.scaled_1", "bend.scaled.weight"} <= set(names)
    nodes = [node.name for node in changed.graph.node]
    assert len(nodes) == len(set(nodes))


@pytest.mark.parametrize(
    ("shape", "slope"),
    [
        ((2, 6, 3, 3), np.full((6, 3, 3), 0.5)),
        ((2, 6, 3, 3), np.full((1, 3, 1), 0.5)),
        ((2, 6, 3, 3), np.full((3,), 0.5)),
        ((2, 3, 3, 3), np.full((3,), 0.5)),
        ((2, 6, 3, 3), np.full((2, 6, 1, 1), 0.5)),
        ((2, 6, 3, 3), np.full((6, 1, 1), np.nan)),
        ((2, 6, 3, 3), np.full((1,), np.inf)),
        ((2, 6), np.full((6,), 0.5)),
        ((2, 6), np.full((1,), 0.5)),
        ((2, 6, 3), np.full((6, 1), 0.5)),
        ((2, 6, 3, 3, 3), np.full((6, 1, 1, 1), 0.5)),
        (("N", "C", 3, 3), np.full((6, 1, 1), 0.5)),
        (None, np.full((6, 1, 1), 0.5)),
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_not(shape: Any, slope: Array) -> None:
    changed = ir.serde.deserialize_model(prelu(slope, shape))
    APPLY(changed)
    assert [node.op_type for node in changed.graph] == ["PRelu"]


def test_not_where_the_slope_is_not_constant() -> None:
    nodes = [node("GlobalMaxPool", ["x"], ["slope"]), node("PRelu", ["x", "slope"], ["y"])]
    model = build(nodes, {}, (1, 6, 3, 3))
    assert operators(change(APPLY, model)) == ["GlobalMaxPool", "PRelu"]
    listed = prelu(np.full((6, 1, 1), 0.5), (1, 6, 3, 3))
    listed.graph.input.append(helper.make_tensor_value_info("slope", TensorProto.FLOAT, [6, 1, 1]))
    assert operators(change(APPLY, listed)) == ["PRelu"]


def test_not_in_double_precision() -> None:
    """onnxruntime has no convolution for it."""
    nodes = [node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), node("PRelu", ["d", "slope"], ["y"])]
    model = build(nodes, {"slope": np.full((6, 1, 1), 0.5)}, (1, 6, 3, 3))
    assert operators(change(APPLY, model)) == ["Cast", "PRelu"]


@pytest.mark.parametrize("largest", [1.0, 1.5])
def test_onnxruntime_computes_it_inside_of_convolutions(tmp_path: Path, largest: float) -> None:
    """In its blocked layout, where the processor has one: Relu and Add are nodes no more."""
    weights = {"v": floats(RANDOM, 32, 3, 3, 3), "w": floats(RANDOM, 32, 32, 1, 1)}
    slope = np.linspace(-0.5, largest, 32, dtype=np.float32).reshape(-1, 1, 1)
    nodes = [
        node("Conv", ["x", "v"], ["a"]),
        node("PRelu", ["a", "slope"], ["b"]),
        node("Conv", ["b", "w"], ["y"]),
    ]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that such a file is for this machine only
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    model = change(APPLY, build(nodes, weights | {"slope": slope}, (1, 3, 8, 8)))
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimised = operators(onnx.load(options.optimized_model_filepath))
    if "ReorderOutput" not in optimised:
        pytest.skip("onnxruntime has no blocked layout on this processor")
    assert set(optimised) <= {"Conv", "ReorderInput", "ReorderOutput"}
    assert optimised.count("Conv") == 4
