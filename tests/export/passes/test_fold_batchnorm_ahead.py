"""BatchNormalization into the weights behind it, and where the border forbids it."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.export.passes import fold_batchnorm_ahead

from .pass_check import Array, batchnorm, build, change, check, floats, node, operators

RANDOM = np.random.default_rng(0)
BATCHNORM, STATISTICS = batchnorm(RANDOM, 4, "x", "n")
ZEROS = {"n.shift": np.zeros(4, np.float32), "n.mean": np.zeros(4, np.float32)}
APPLY = fold_batchnorm_ahead.apply


def padded(pads: int = 1, value: str = "n", output: str = "y", **attributes: Any) -> onnx.NodeProto:
    return node("Conv", [value, "w"], [output], **({"pads": [pads] * 4} | attributes))


def kernel(size: int = 3, channels: int = 4) -> dict[str, Array]:
    return {"w": floats(RANDOM, 5, channels, size, size)}


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    size=st.integers(1, 3),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    bias=st.booleans(),
    centred=st.booleans(),
)
def test_into_a_convolution(
    seed: int, groups: int, inputs: int, outputs: int, size: int, pads: list[int], bias: bool, centred: bool
) -> None:
    generator = np.random.default_rng(seed)
    channels = groups * inputs
    constants = {"w": floats(generator, groups * outputs, inputs, size, size), "b": floats(generator, groups * outputs)}
    if not bias:
        del constants["b"]
    first, statistics = batchnorm(generator, channels, "x", "n")
    if centred:
        statistics |= {f"n.{name}": np.zeros(channels, np.float32) for name in ("shift", "mean")}
    nodes = [first, node("Conv", ["n", *constants], ["y"], group=groups, pads=pads)]
    x = floats(generator, 2, channels, 5, 6)
    folds = centred or not any(pads)
    after = check(APPLY, build(nodes, constants | statistics, x.shape), x)
    assert after == (["Conv"] if folds else ["BatchNormalization", "Conv"])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    flatten=st.sampled_from(["Flatten", "Reshape", None]),
    operator=st.sampled_from(["Gemm", "MatMul"]),
    transpose=st.booleans(),
    bias=st.sampled_from([None, (), (1, 5), (5,)]),
    alpha=st.floats(0.5, 2, allow_subnormal=False),
    beta=st.floats(0, 2, allow_subnormal=False),
)
def test_into_a_linear_layer(
    seed: int,
    sizes: tuple[int, int, int],
    flatten: str | None,
    operator: str,
    transpose: bool,
    bias: tuple[int, ...] | None,
    alpha: float,
    beta: float,
) -> None:
    generator = np.random.default_rng(seed)
    x = floats(generator, 2, *(sizes if flatten else sizes[:1]))
    features = x[0].size
    first, constants = batchnorm(generator, sizes[0], "x", "n")
    nodes = [first]
    if flatten:
        target = {"s": np.array([-1, features])} if flatten == "Reshape" else {}
        nodes.append(node(flatten, ["n", *target], ["f"]))
        constants |= target
    value = "f" if flatten else "n"
    if operator == "Gemm":
        constants["w"] = floats(generator, 5, features) if transpose else floats(generator, features, 5)
        inputs = [value, "w"]
        if bias is not None:
            constants["b"] = np.asarray(floats(generator, *bias))
            inputs.append("b")
        nodes.append(node("Gemm", inputs, ["y"], transB=int(transpose), alpha=alpha, beta=beta))
        expected = ["Gemm"]
    else:
        constants["w"] = floats(generator, features, 5)
        nodes.append(node("MatMul", [value, "w"], ["y"]))
        expected = ["MatMul", "Add"]
    after = check(APPLY, build(nodes, constants, x.shape), x)
    assert after == [flatten] * bool(flatten) + expected


def test_into_all_readers() -> None:
    nodes = [
        BATCHNORM,
        padded(0, output="y"),
        node("Flatten", ["n"], ["f"]),
        node("Gemm", ["f", "m"], ["z"]),
        node("MatMul", ["f", "m"], ["q"]),
    ]
    constants = STATISTICS | kernel() | {"m": floats(RANDOM, 4 * 16, 3)}
    x = floats(RANDOM, 2, 4, 4, 4)
    after = check(APPLY, build(nodes, constants, x.shape, ["y", "z", "q"]), x)
    assert sorted(after) == ["Add", "Conv", "Flatten", "Gemm", "MatMul"]


def test_a_matmul_needs_no_bias_without_an_offset() -> None:
    nodes = [BATCHNORM, node("Flatten", ["n"], ["f"]), node("MatMul", ["f", "m"], ["y"])]
    x = floats(RANDOM, 2, 4, 3, 3)
    model = build(nodes, STATISTICS | ZEROS | {"m": floats(RANDOM, 36, 3)}, x.shape)
    assert check(APPLY, model, x) == ["Flatten", "MatMul"]


def test_weights_that_another_node_reads_are_copied() -> None:
    nodes = [BATCHNORM, padded(0), padded(0, "x", "z")]
    x = floats(RANDOM, 2, 4, 4, 4)
    assert check(APPLY, build(nodes, STATISTICS | kernel(), x.shape, ["y", "z"]), x) == ["Conv", "Conv"]


def test_the_border_of_the_padding_that_the_runtime_computes() -> None:
    x = floats(RANDOM, 2, 4, 5, 5)
    same = node("Conv", ["n", "w"], ["y"], auto_pad="SAME_UPPER")
    assert check(APPLY, build([BATCHNORM, same], STATISTICS | kernel(), x.shape), x) == ["BatchNormalization", "Conv"]
    assert check(APPLY, build([BATCHNORM, same], STATISTICS | kernel(1), x.shape), x) == ["Conv"]
    valid = node("Conv", ["n", "w"], ["y"], auto_pad="VALID")
    assert check(APPLY, build([BATCHNORM, valid], STATISTICS | kernel(), x.shape), x) == ["Conv"]


@pytest.mark.parametrize("before", ["Conv", "Conv with bias", "BatchNormalization", "Add", "Add from the left"])
def test_the_offset_moves_before_a_padded_convolution(before: str) -> None:
    """Into the bias of what gives the input, where nothing else reads that."""
    constants = {"v": floats(RANDOM, 4, 4, 2, 2), "c": floats(RANDOM, 4), "a": floats(RANDOM, 4, 1, 1)}
    first, statistics = batchnorm(RANDOM, 4, "x", "p")
    first = {
        "Conv": node("Conv", ["x", "v"], ["p"]),
        "Conv with bias": node("Conv", ["x", "v", "c"], ["p"]),
        "BatchNormalization": first,
        "Add": node("Add", ["x", "a"], ["p"]),
        "Add from the left": node("Add", ["a", "x"], ["p"]),
    }[before]
    second, more = batchnorm(RANDOM, 4, "p", "n")
    x = floats(RANDOM, 2, 4, 5, 5)
    model = build([first, second, padded()], constants | statistics | more | kernel(), x.shape)
    assert check(APPLY, model, x) == [first.op_type, "Conv"]


def test_the_offset_does_not_move_where_another_node_reads_the_value() -> None:
    second, more = batchnorm(RANDOM, 4, "p", "n")
    nodes = [node("Add", ["x", "a"], ["p"]), second, padded(), node("Relu", ["p"], ["z"])]
    x = floats(RANDOM, 2, 4, 5, 5)
    model = build(nodes, {"a": floats(RANDOM, 4, 1, 1)} | more | kernel(), x.shape, ["y", "z"])
    assert check(APPLY, model, x) == [node.op_type for node in nodes]


@pytest.mark.parametrize(("scale", "moves"), [(1.0, True), (0.02, True), (1e-3, False), (0.0, False)])
def test_the_offset_does_not_move_where_it_would_drown_the_value(scale: float, moves: bool) -> None:
    """For small k, c / k is large."""
    second, more = batchnorm(RANDOM, 4, "p", "n")
    more |= {"n.scale": np.array([1, 1, 1, scale], np.float32), "n.shift": np.ones(4, np.float32)}
    nodes = [node("Add", ["x", "a"], ["p"]), second, padded()]
    x = floats(RANDOM, 2, 4, 5, 5)
    model = build(nodes, {"a": floats(RANDOM, 4, 1, 1)} | more | kernel(), x.shape)
    after = check(APPLY, model, x)
    assert after == (["Add", "Conv"] if moves else ["Add", "BatchNormalization", "Conv"])


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ([padded(1)], ["y"]),
        ([node("Relu", ["n"], ["y"])], ["y"]),
        ([padded(0), node("Relu", ["n"], ["z"])], ["y", "z"]),
        ([padded(0)], ["y", "n"]),
        ([node("Identity", ["w"], ["v"]), node("Conv", ["n", "v"], ["y"])], ["y"]),
        ([node("ConvTranspose", ["n", "t"], ["y"])], ["y"]),
        ([node("MatMul", ["n", "m"], ["y"])], ["y"]),
        ([node("Flatten", ["n"], ["f"], axis=2), node("MatMul", ["f", "t2"], ["y"])], ["y"]),
        ([node("Reshape", ["n", "s"], ["f"]), node("MatMul", ["f", "t2"], ["y"])], ["y"]),
        ([node("Flatten", ["n"], ["y"])], ["y"]),
        ([node("Flatten", ["n"], ["f"]), node("Gemm", ["f", "n8"], ["y"], transA=1)], ["y"]),
    ],
    ids=[
        "padding",
        "another node",
        "another node too",
        "an output",
        "weights not constant",
        "ConvTranspose",
        "MatMul on the last axis",
        "another flattening",
        "another reshape",
        "nothing behind the flattening",
        "a transposed input",
    ],
)
def test_not(nodes: list[onnx.NodeProto], outputs: list[str]) -> None:
    constants = (
        STATISTICS
        | kernel()
        | {
            "t": floats(RANDOM, 4, 2, 3, 3),
            "m": floats(RANDOM, 4, 3),
            "t2": floats(RANDOM, 16, 3),
            "s": np.array([-1, 16]),
            "n8": floats(RANDOM, 2, 3),
        }
    )
    model = build([BATCHNORM, *nodes], constants, (2, 4, 4, 4), outputs)
    x = floats(RANDOM, 2, 4, 4, 4)
    assert check(APPLY, model, x) == ["BatchNormalization", *(node.op_type for node in nodes)]


def test_not_where_the_shapes_of_a_reshape_are_unknown() -> None:
    nodes = [BATCHNORM, node("Reshape", ["n", "s"], ["f"]), node("MatMul", ["f", "m"], ["y"])]
    constants = STATISTICS | {"s": np.array([-1, 16]), "m": floats(RANDOM, 16, 3)}
    model = build(nodes, constants, ["N", 4, "H", "W"])
    assert operators(change(APPLY, model)) == [node.op_type for node in nodes]
