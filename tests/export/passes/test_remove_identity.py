"""Nodes that do nothing."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from sface.export.passes import remove_identity

from .pass_check import build, change, check, floats, node, operators

RANDOM = np.random.default_rng(0)
APPLY = remove_identity.apply
CONSTANTS: dict[str, Any] = {
    "ratio": np.array(0.5, np.float32),
    "yes": np.array(True),
    "no": np.array(False),
    "same": np.array([2, 3, 4, 4]),
    "inferred": np.array([0, -1, 4, 4]),
    "other": np.array([2, 3, 16, 1]),
    "w": floats(RANDOM, 5, 3, 1, 1),
}
NOTHING = {
    "Identity": node("Identity", ["a"], ["b"]),
    "Dropout": node("Dropout", ["a"], ["b"]),
    "Dropout with a ratio": node("Dropout", ["a", "ratio"], ["b"]),
    "Dropout not in training": node("Dropout", ["a", "ratio", "no"], ["b"]),
    "Dropout, mask not read": node("Dropout", ["a", "ratio", "no"], ["b", "mask"]),
    "Cast": node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
    "Transpose": node("Transpose", ["a"], ["b"], perm=[0, 1, 2, 3]),
    "Reshape": node("Reshape", ["a", "same"], ["b"]),
    "Reshape, sizes inferred": node("Reshape", ["a", "inferred"], ["b"]),
}
SOMETHING = {
    "Dropout in training": node("Dropout", ["a", "ratio", "yes"], ["b"]),
    "Cast": node("Cast", ["a"], ["b"], to=TensorProto.DOUBLE),
    "Transpose": node("Transpose", ["a"], ["b"], perm=[0, 1, 3, 2]),
    "Transpose without an order": node("Transpose", ["a"], ["b"]),
    "Reshape": node("Reshape", ["a", "other"], ["b"]),
    "Flatten": node("Flatten", ["a"], ["b"]),
}
SHAPE = (2, 3, 4, 4)


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_between_two_nodes(nothing: onnx.NodeProto) -> None:
    model = build([node("Relu", ["x"], ["a"]), nothing, node("Conv", ["b", "w"], ["y"])], CONSTANTS, SHAPE)
    assert check(APPLY, model, floats(RANDOM, *SHAPE)) == ["Relu", "Conv"]


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_an_output_keeps_its_name(nothing: onnx.NodeProto) -> None:
    """Also where another node reads the value too."""
    nodes = [node("Relu", ["x"], ["a"]), nothing, node("Neg", ["a"], ["c"])]
    model = build(nodes, CONSTANTS, SHAPE, ["b", "c"])
    assert check(APPLY, model, floats(RANDOM, *SHAPE)) == ["Relu", "Neg"]


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_after_an_input(nothing: onnx.NodeProto) -> None:
    renamed = onnx.NodeProto()
    renamed.CopyFrom(nothing)
    renamed.input[0] = "x"
    model = build([renamed, node("Relu", ["b"], ["y"])], CONSTANTS, SHAPE)
    assert check(APPLY, model, floats(RANDOM, *SHAPE)) == ["Relu"]


@pytest.mark.parametrize("something", SOMETHING.values(), ids=SOMETHING.keys())
def test_not_what_does_something(something: onnx.NodeProto) -> None:
    model = build([node("Relu", ["x"], ["a"]), something, node("Shape", ["b"], ["y"])], CONSTANTS, SHAPE)
    assert operators(change(APPLY, model)) == ["Relu", something.op_type, "Shape"]


def test_not_a_node_of_that_name_in_another_domain() -> None:
    model = build([node("Identity", ["x"], ["a"]), node("Relu", ["a"], ["y"])], {}, SHAPE)
    model.graph.node[0].domain = "example.org"
    model.opset_import.add(domain="example.org", version=1)
    assert operators(change(APPLY, model)) == ["Identity", "Relu"]


def test_a_flattening_of_what_is_flat() -> None:
    nodes = [node("Flatten", ["x"], ["a"]), node("Relu", ["a"], ["y"])]
    assert check(APPLY, build(nodes, {}, ["N", 3]), floats(RANDOM, 2, 3)) == ["Relu"]


def test_not_where_the_mask_is_read() -> None:
    nodes = [node("Dropout", ["x"], ["y", "mask"]), node("Not", ["mask"], ["z"])]
    x = floats(RANDOM, *SHAPE)
    assert check(APPLY, build(nodes, {}, SHAPE, ["y", "z"]), x) == ["Dropout", "Not"]
    assert check(APPLY, build(nodes[:1], {}, SHAPE, ["y", "mask"]), x) == ["Dropout"]


def test_not_where_a_caller_decides_on_training() -> None:
    model = build([node("Dropout", ["x", "ratio", "training"], ["a"]), node("Relu", ["a"], ["y"])], CONSTANTS, SHAPE)
    model.graph.input.append(onnx.helper.make_tensor_value_info("training", TensorProto.BOOL, []))
    assert operators(change(APPLY, model)) == ["Dropout", "Relu"]


@pytest.mark.parametrize(("opset", "test", "removed"), [(6, 0, False), (6, 1, True), (7, None, True), (10, None, True)])
def test_dropout_of_the_first_years(opset: int, test: int | None, removed: bool) -> None:
    """Before opset 7 it trains, unless it says that it tests."""
    attributes: dict[str, Any] = {} if test is None else {"is_test": test}
    nodes = [node("Dropout", ["x"], ["a"], **attributes), node("Relu", ["a"], ["y"])]
    assert operators(change(APPLY, build(nodes, {}, SHAPE, opset=opset))) == ["Dropout", "Relu"][removed:]


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ([node("Identity", ["x"], ["y"])], ["y"]),
        ([node("Identity", ["w"], ["y"])], ["y"]),
        ([node("Relu", ["x"], ["a"]), node("Identity", ["a"], ["y"])], ["a", "y"]),
        ([node("Relu", ["x"], ["a"]), node("Identity", ["a"], ["y"]), node("Identity", ["a"], ["z"])], ["y", "z"]),
    ],
    ids=["from an input", "from a constant", "between two outputs", "two outputs of one value"],
)
def test_names_that_only_the_node_can_give(nodes: list[onnx.NodeProto], outputs: list[str]) -> None:
    after = check(APPLY, build(nodes, CONSTANTS, SHAPE, outputs), floats(RANDOM, *SHAPE))
    assert after.count("Identity") == 1


def test_a_chain() -> None:
    nodes = [node("Relu", ["x"], ["v0"])]
    nodes += [node("Identity" if i % 2 else "Dropout", [f"v{i}"], [f"v{i + 1}"]) for i in range(4)]
    x = floats(RANDOM, *SHAPE)
    assert check(APPLY, build(nodes, {}, SHAPE, ["v4"]), x) == ["Relu"]
    assert check(
        APPLY,
        build(nodes[1:], {}, SHAPE, ["v4"]).__class__.FromString(
            build([node("Identity", ["x"], ["v0"]), *nodes[1:]], {}, SHAPE, ["v4"]).SerializeToString()
        ),
        x,
    ) == ["Identity"]


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    unknown=st.sets(st.integers(0, 3)),
    target=st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=4),
)
def test_reshapes(sizes: list[int], unknown: set[int], target: list[int]) -> None:
    """Whatever is known of the shape, and whatever it becomes: the result is the same."""
    target = [size or -1 for size in target] if target.count(0) < 2 else [-1]
    known = int(np.prod([size for size in target if size > 0]))
    total = int(np.prod(sizes))
    if (-1 in target and total % known) or (-1 not in target and total != known):
        target = [*sizes[:-1], -1]
    shape = [f"d{axis}" if axis in unknown else size for axis, size in enumerate(sizes)]
    nodes = [node("Relu", ["x"], ["a"]), node("Reshape", ["a", "s"], ["b"]), node("Neg", ["b"], ["y"])]
    after = check(APPLY, build(nodes, {"s": np.array(target)}, shape), floats(RANDOM, *sizes))
    if not unknown:
        changes = [size if size > 0 else total // known for size in target] != sizes
        assert ("Reshape" in after) == (changes and target != [*sizes[:-1], -1])
