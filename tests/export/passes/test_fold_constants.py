"""What constants give becomes an initializer, except for what has to stay a node."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sface.export.passes import fold_constants

from .pass_check import Array, build, change, check, floats, node, operators, run

RANDOM = np.random.default_rng(0)
APPLY = fold_constants.apply
TYPES: dict[str, tuple[Any, int, int]] = {
    "int8": (np.int8, -128, 127),
    "uint8": (np.uint8, 0, 255),
    "int4": (ml_dtypes.int4, -8, 7),
    "uint4": (ml_dtypes.uint4, 0, 15),
}


def whole_numbers(generator: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Array:
    dtype, low, high = TYPES[kind]
    return generator.integers(low, high, shape, endpoint=True).astype(dtype)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(sorted(TYPES)),
    shape=st.one_of(st.tuples(st.integers(1, 20)), st.tuples(st.integers(1, 6), st.integers(1, 20))),
    block=st.integers(1, 8),
    axis=st.sampled_from([0, -1]),
    zero_point=st.booleans(),
)
def test_block_quantised_weights(
    seed: int, kind: str, shape: tuple[int, ...], block: int, axis: int, zero_point: bool
) -> None:
    """Compared with the formula, as onnxruntime refuses to run a list of numbers in one block."""
    generator = np.random.default_rng(seed)
    blocks = list(shape)
    blocks[axis] = -(-shape[axis] // block)
    constants = {"w": whole_numbers(generator, kind, shape), "s": floats(generator, *blocks)}
    if zero_point:
        constants["z"] = whole_numbers(generator, kind, tuple(blocks))
    nodes = [node("DequantizeLinear", [*constants], ["v"], axis=axis, block_size=block), node("Add", ["x", "v"], ["y"])]
    changed = change(APPLY, build(nodes, constants, shape, opset=21))
    assert operators(changed) == ["Add"]
    scale, zero = (
        np.repeat(constants[name].astype(np.float64), block, axis).take(np.arange(shape[axis]), axis)
        if name in constants
        else 0
        for name in "sz"
    )
    exact = (constants["w"].astype(np.float64) - zero) * scale
    (y,) = run(changed, {"x": np.zeros(shape, np.float32)}, optimise=True)
    assert np.abs(y - exact).max() <= 1e-6 * np.abs(exact).max()


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["int8", "uint8"]),
    axis=st.sampled_from([None, 0, 1]),
    opset=st.sampled_from([13, 17, 19, 21, 23]),
)
def test_weights_quantised_as_a_whole_or_by_channel(seed: int, kind: str, axis: int | None, opset: int) -> None:
    generator = np.random.default_rng(seed)
    shape = () if axis is None else (4 + axis,)
    constants = {
        "w": whole_numbers(generator, kind, (4, 5)),
        "s": np.asarray(floats(generator, *shape)),
        "z": np.asarray(whole_numbers(generator, kind, shape)),
    }
    attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
    nodes = [node("DequantizeLinear", ["w", "s", "z"], ["v"], **attributes), node("MatMul", ["x", "v"], ["y"])]
    x = floats(generator, 3, 4)
    assert check(APPLY, build(nodes, constants, x.shape, opset=opset), x) == ["MatMul"]


def test_what_is_larger_than_any_limit() -> None:
    constants = {"w": whole_numbers(RANDOM, "int8", (1024, 1024)), "s": floats(RANDOM, 1024, 16)}
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["v"], axis=1, block_size=64),
        node("MatMul", ["x", "v"], ["y"]),
        node("MatMul", ["y", "v"], ["z"]),
    ]
    x = floats(RANDOM, 1, 1024)
    assert check(APPLY, build(nodes, constants, x.shape, ["z"], opset=21), x) == ["MatMul", "MatMul"]


@pytest.mark.parametrize("opset", [8, 11, 13, 17, 21])
def test_a_chain_of_nodes(opset: int) -> None:
    constants = {
        "w": RANDOM.integers(-9, 9, (2, 6)),
        "s": np.array([3, 4]),
        "k": np.array(0.5, np.float32),
    }
    nodes = [
        node("Cast", ["w"], ["a"], to=TensorProto.FLOAT),
        node("Reshape", ["a", "s"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[1, 0]),
        node("Mul", ["c", "k"], ["d"]),
        node("MatMul", ["x", "d"], ["y"]),
    ]
    x = floats(RANDOM, 2, 4)
    model = build(nodes, constants, x.shape, opset=opset)
    assert check(APPLY, model, x) == ["MatMul"]
    changed = change(APPLY, model)
    assert [tensor.name for tensor in changed.graph.initializer] == ["d"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"value": numpy_helper.from_array(np.array([1, 2], np.float32))}, [1, 2]),
        ({"value_float": 2.0}, 2),
        ({"value_floats": [1.0, 2.0]}, [1, 2]),
    ],
)
def test_constant_nodes(attributes: dict[str, Any], expected: Any) -> None:
    model = build([node("Constant", [], ["c"], **attributes), node("Mul", ["x", "c"], ["y"])], {}, (3, 2))
    assert check(APPLY, model, floats(RANDOM, 3, 2)) == ["Mul"]
    (tensor,) = change(APPLY, model).graph.initializer
    assert numpy_helper.to_array(tensor).tolist() == expected


def test_an_output_that_is_constant_keeps_its_name() -> None:
    nodes = [node("Mul", ["a", "a"], ["z"]), node("Relu", ["x"], ["y"])]
    x = floats(RANDOM, 2, 3)
    check(APPLY, build(nodes, {"a": floats(RANDOM, 4)}, x.shape, ["y", "z"]), x)


def test_a_node_with_several_outputs() -> None:
    nodes = [
        node("Split", ["w"], ["a", "b"], axis=1, num_outputs=2),
        node("MatMul", ["x", "a"], ["c"]),
        node("MatMul", ["x", "b"], ["d"]),
        node("Add", ["c", "d"], ["y"]),
    ]
    x = floats(RANDOM, 2, 4)
    model = build(nodes, {"w": floats(RANDOM, 4, 6)}, x.shape, opset=18)
    assert check(APPLY, model, x) == ["MatMul", "MatMul", "Add"]
    assert [tensor.name for tensor in change(APPLY, model).graph.initializer] == ["a", "b"]


@pytest.mark.parametrize("kind", [TensorProto.BFLOAT16, TensorProto.FLOAT8E4M3FN, TensorProto.INT4, TensorProto.STRING])
def test_a_type_that_numpy_does_not_have_stays(kind: int) -> None:
    nodes = [
        node("Cast", ["a"], ["b"], to=kind),
        node("Cast", ["b"], ["c"], to=TensorProto.FLOAT),
        node("Add", ["x", "c"], ["y"]),
    ]
    x = floats(RANDOM, 2, 3)
    model = build(nodes, {"a": np.arange(3, dtype=np.float32)}, x.shape, opset=21)
    assert check(APPLY, model, x) == ["Cast", "Cast", "Add"]


def test_text_stays() -> None:
    nodes = [node("Cast", ["t"], ["c"], to=TensorProto.FLOAT), node("Add", ["x", "c"], ["y"])]
    x = floats(RANDOM, 2, 3)
    assert check(APPLY, build(nodes, {"t": np.array(["1", "2", "3"], object)}, x.shape), x) == ["Cast", "Add"]


def test_a_node_that_cannot_run_stays() -> None:
    nodes = [node("Mystery", ["a"], ["b"], domain="example.org"), node("Add", ["x", "b"], ["y"])]
    model = helper.make_model(
        build(nodes[1:], {"a": floats(RANDOM, 3), "b": floats(RANDOM, 3)}, (2, 3)).graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("example.org", 1)],
        ir_version=10,
    )
    model.graph.node.insert(0, nodes[0])
    del model.graph.initializer[1]
    assert operators(change(APPLY, model)) == ["Mystery", "Add"]


@pytest.mark.parametrize(
    "random",
    [
        node("RandomNormal", [], ["r"], shape=[3], dtype=1),
        node("RandomUniformLike", ["a"], ["r"]),
        node("Bernoulli", ["a"], ["r"]),
        node("Dropout", ["a", "ratio", "training"], ["r"]),
    ],
    ids=lambda node: node.op_type,
)
def test_not_what_is_random(random: onnx.NodeProto) -> None:
    constants = {"a": np.full(3, 0.5, np.float32), "ratio": np.array(0.5, np.float32), "training": np.array(True)}
    nodes = [random, node("Add", ["x", "r"], ["y"])]
    assert operators(change(APPLY, build(nodes, constants, (2, 3)))) == [random.op_type, "Add"]


def test_not_what_a_caller_may_change() -> None:
    model = build([node("Mul", ["a", "a"], ["b"]), node("Add", ["x", "b"], ["y"])], {"a": floats(RANDOM, 3)}, (2, 3))
    model.graph.input.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [3]))
    assert operators(change(APPLY, model)) == ["Mul", "Add"]


def quantised(kind: str, activation: str) -> onnx.ModelProto:
    """A layer whose weights are quantised, as is its input where `activation` says so."""
    constants = {
        "w": whole_numbers(RANDOM, "int8", (3, 4)),
        "s": np.array(0.02, np.float32),
        "z": np.array(0, np.int8),
        "f": floats(RANDOM, 3, 4),
    }
    nodes = {
        "QuantizeLinear": [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        ],
        "DynamicQuantizeLinear": [
            node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
            node("DequantizeLinear", ["q", "qs", "qz"], ["d"]),
        ],
        "": [node("Relu", ["x"], ["d"])],
    }[activation]
    weights = {
        "whole numbers": [node("DequantizeLinear", ["w", "s", "z"], ["v"])],
        "floats": [node("QuantizeLinear", ["f", "s", "z"], ["u"]), node("DequantizeLinear", ["u", "s", "z"], ["v"])],
    }[kind]
    return build([*nodes, *weights, node("MatMul", ["d", "v"], ["y"])], constants, (2, 3))


@pytest.mark.parametrize("kind", ["whole numbers", "floats"])
@pytest.mark.parametrize("activation", ["QuantizeLinear", "DynamicQuantizeLinear"])
def test_not_the_weights_of_a_quantised_network(kind: str, activation: str) -> None:
    model = quantised(kind, activation)
    assert operators(change(APPLY, model)) == operators(model)


def test_the_weights_of_a_network_that_quantises_nothing_else() -> None:
    assert check(APPLY, quantised("whole numbers", ""), floats(RANDOM, 2, 3)) == ["Relu", "MatMul"]


def test_nodes_in_a_branch() -> None:
    """A subgraph's constants become constants too."""
    branches = {
        f"{name}_branch": helper.make_graph(
            [node("Mul", ["a", "k"], [f"{name}_c"]), node("Add", ["x", f"{name}_c"], [f"{name}_y"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, [2, 3])],
            [numpy_helper.from_array(np.array(factor, np.float32), "k")],
        )
        for name, factor in (("then", 2), ("else", 3))
    }
    nodes = [
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["positive"]),
        node("If", ["positive"], ["y"], **branches),
    ]
    constants = {"a": floats(RANDOM, 3), "zero": np.array(0, np.float32)}
    model = build(nodes, constants, (2, 3))
    x = floats(RANDOM, 2, 3)
    assert check(APPLY, model, x) == ["ReduceSum", "Greater", "If"]
    changed = ir.serde.deserialize_model(change(APPLY, model))
    assert [node.op_type for node in changed.graph.all_nodes()].count("Mul") == 0
