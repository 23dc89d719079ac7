"""Equal constants once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sface.export.passes import merge_duplicates

from .pass_check import build, change, check, floats, node

RANDOM = np.random.default_rng(0)
APPLY = merge_duplicates.apply


def names(constants: dict[str, np.ndarray]) -> list[str]:
    """The constants that are left of some that are all read."""
    nodes = [node("Identity", [name], [f"{name}_out"]) for name in constants]
    model = build([*nodes, node("Relu", ["x"], ["y"])], constants, (1,), ["y", *(f"{name}_out" for name in constants)])
    return [tensor.name for tensor in change(APPLY, model).graph.initializer]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from([(2,), (3,), (1, 2), (2, 1)]), st.integers(0, 1)), min_size=1, max_size=6))
def test_each_different_one_is_kept(chosen: list[tuple[tuple[int, ...], int]]) -> None:
    constants = {f"c{index}": np.full(shape, value, np.float32) for index, (shape, value) in enumerate(chosen)}
    nodes = [node("Concat", [f"f{index}" for index in range(len(chosen))], ["z"], axis=0)]
    nodes += [node("Reshape", [name, "flat"], [f"f{index}"]) for index, name in enumerate(constants)]
    nodes = [*nodes[1:], nodes[0], node("Relu", ["x"], ["y"])]
    x = floats(RANDOM, 2)
    model = build(nodes, constants | {"flat": np.array([-1])}, x.shape, ["y", "z"])
    check(APPLY, model, x)
    assert len(change(APPLY, model).graph.initializer) == len(set(chosen)) + 1


def test_large_ones_too() -> None:
    large = floats(RANDOM, 512, 512)
    assert names({"a": large, "b": large.copy(), "c": large.T.copy()}) == ["a", "c"]


def test_equal_numbers_of_other_bits_stay() -> None:
    assert names({"a": np.array([0.0], np.float32), "b": np.array([-0.0], np.float32)}) == ["a", "b"]


def test_equal_bits_of_another_type_or_shape_stay() -> None:
    ones = np.ones(2, np.int32)
    assert names({"a": ones, "b": ones.view(np.float32), "c": ones.reshape(1, 2), "d": ones.view(np.uint32)}) == [
        *"abcd"
    ]


def test_not_what_a_caller_may_change() -> None:
    nodes = [node("Add", ["x", "a"], ["c"]), node("Add", ["c", "b"], ["y"])]
    model = build(nodes, {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)}, (2, 3))
    model.graph.input.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [3]))
    assert [tensor.name for tensor in change(APPLY, model).graph.initializer] == ["a", "b"]
