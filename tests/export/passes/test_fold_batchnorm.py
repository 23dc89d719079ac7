"""BatchNormalization into the weights before it: same result, fewer nodes, and not where it must not be."""

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sface.export.passes import fold_batchnorm

from .pass_check import Array, batchnorm, build, change, check, floats, node, run

RANDOM = np.random.default_rng(0)
BATCHNORM, STATISTICS = batchnorm(RANDOM, 4, "c", "y")


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    kernel=st.integers(1, 3),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    bias=st.booleans(),
    transpose=st.booleans(),
)
def test_into_a_convolution(
    seed: int, groups: int, inputs: int, outputs: int, kernel: int, pads: list[int], bias: bool, transpose: bool
) -> None:
    generator = np.random.default_rng(seed)
    channels, weights = groups * outputs, (groups * outputs, inputs, kernel, kernel)
    if transpose:
        weights = (groups * inputs, outputs, kernel, kernel)
        pads = [0] * 4
    constants = {"w": floats(generator, *weights), "b": floats(generator, channels)}
    if not bias:
        del constants["b"]
    last, statistics = batchnorm(generator, channels, "c", "y")
    operator = "ConvTranspose" if transpose else "Conv"
    nodes = [node(operator, ["x", *constants], ["c"], group=groups, pads=pads), last]
    x = floats(generator, 2, groups * inputs, 5, 6)
    assert check(fold_batchnorm.apply, build(nodes, constants | statistics, x.shape), x) == [operator]


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([None, (), (1,), (5,), (1, 5), (3, 1), (3, 5)]),
    transpose=st.booleans(),
    alpha=st.floats(0.5, 2, allow_subnormal=False),
    beta=st.floats(0, 2, allow_subnormal=False),
)
def test_into_a_gemm(seed: int, shape: tuple[int, ...] | None, transpose: bool, alpha: float, beta: float) -> None:
    generator = np.random.default_rng(seed)
    constants = {"w": floats(generator, 5, 4) if transpose else floats(generator, 4, 5)}
    if shape is not None:
        constants["b"] = np.asarray(floats(generator, *shape))
    last, statistics = batchnorm(generator, 5, "c", "y")
    nodes = [node("Gemm", ["x", *constants], ["c"], transB=int(transpose), alpha=alpha, beta=beta), last]
    assert check(fold_batchnorm.apply, build(nodes, constants | statistics, (3, 4)), floats(generator, 3, 4)) == [
        "Gemm"
    ]


def test_a_bias_that_is_named_but_empty() -> None:
    nodes = [node("Conv", ["x", "w", ""], ["c"]), BATCHNORM]
    x = floats(RANDOM, 2, 3, 4, 4)
    model = build(nodes, {"w": floats(RANDOM, 4, 3, 1, 1)} | STATISTICS, x.shape)
    assert check(fold_batchnorm.apply, model, x) == ["Conv"]


def test_a_new_bias_takes_no_name_that_is_there() -> None:
    other = {"w": floats(RANDOM, 4, 3, 1, 1), "first.bias": floats(RANDOM, 4), "first.bias_1": floats(RANDOM, 4)}
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="first"),
        BATCHNORM,
        node("Conv", ["x", "w", "first.bias"], ["z"]),
        node("Add", ["z", "first.bias_1"], ["q"]),
    ]
    x = floats(RANDOM, 2, 3, 4, 4)
    assert check(fold_batchnorm.apply, build(nodes, other | STATISTICS, x.shape, ["y", "q"]), x) == [
        "Conv",
        "Conv",
        "Add",
    ]


def test_weights_that_another_node_reads_are_copied() -> None:
    constants = {"w": floats(RANDOM, 4, 3, 1, 1), "b": floats(RANDOM, 4)}
    nodes = [node("Conv", ["x", "w", "b"], ["c"]), BATCHNORM, node("Conv", ["x", "w", "b"], ["z"])]
    x = floats(RANDOM, 2, 3, 4, 4)
    assert check(fold_batchnorm.apply, build(nodes, constants | STATISTICS, x.shape, ["y", "z"]), x) == ["Conv", "Conv"]


def test_a_chain() -> None:
    first, one = batchnorm(RANDOM, 4, "c", "d")
    second, two = batchnorm(RANDOM, 4, "d", "y")
    nodes = [node("Conv", ["x", "w"], ["c"]), first, second]
    x = floats(RANDOM, 2, 3, 4, 4)
    model = build(nodes, {"w": floats(RANDOM, 4, 3, 1, 1)} | one | two, x.shape)
    assert check(fold_batchnorm.apply, model, x) == ["Conv"]


def test_weights_keep_their_names() -> None:
    nodes = [node("Conv", ["x", "w", "b"], ["c"]), BATCHNORM]
    constants = {"w": floats(RANDOM, 4, 3, 1, 1), "b": floats(RANDOM, 4)}
    changed = change(fold_batchnorm.apply, build(nodes, constants | STATISTICS, (2, 3, 4, 4)))
    assert [tensor.name for tensor in changed.graph.initializer] == ["w", "b"]
    assert [value.name for value in changed.graph.output] == ["y"]


def test_not_where_the_value_between_is_used_elsewhere() -> None:
    nodes = [node("Conv", ["x", "w"], ["c"]), BATCHNORM, node("Relu", ["c"], ["z"])]
    check_that_it_stays(nodes, {"w": floats(RANDOM, 4, 3, 1, 1)}, ["y", "z"])


def test_not_where_the_value_between_is_an_output() -> None:
    check_that_it_stays([node("Conv", ["x", "w"], ["c"]), BATCHNORM], {"w": floats(RANDOM, 4, 3, 1, 1)}, ["y", "c"])


def test_not_where_weights_are_computed() -> None:
    nodes = [node("Mul", ["w", "s"], ["v"]), node("Conv", ["x", "v"], ["c"]), BATCHNORM]
    check_that_it_stays(nodes, {"w": floats(RANDOM, 4, 3, 1, 1), "s": floats(RANDOM)})


@pytest.mark.parametrize("listed", ["w", "y.mean"])
def test_not_where_a_caller_may_change_the_weights(listed: str) -> None:
    model = build([node("Conv", ["x", "w"], ["c"]), BATCHNORM], {"w": floats(RANDOM, 4, 3, 1, 1)} | STATISTICS, None)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == listed)
    value = model.graph.input.add(name=listed)
    value.type.tensor_type.elem_type = tensor.data_type
    for size in tensor.dims:
        value.type.tensor_type.shape.dim.add(dim_value=size)
    changed = ir.serde.deserialize_model(model)
    fold_batchnorm.apply(changed)
    assert [node.op_type for node in changed.graph] == ["Conv", "BatchNormalization"]


def test_not_after_something_else() -> None:
    check_that_it_stays([node("Relu", ["x"], ["c"]), BATCHNORM], {}, shape=(2, 4, 3, 3))
    check_that_it_stays([node("BatchNormalization", ["x", *STATISTICS], ["y"])], {}, shape=(2, 4, 3, 3))


def test_not_in_training_mode() -> None:
    """There it takes mean and variance from the batch. onnxruntime doesn't run that without the further outputs."""
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("BatchNormalization", ["c", *STATISTICS], ["y", "mean", "var"], training_mode=1),
    ]
    check_that_it_stays(nodes, {"w": floats(RANDOM, 4, 3, 1, 1)}, ["y", "mean", "var"])


def test_not_into_a_convolution_outside_of_the_branch() -> None:
    """There the value between is the output of nothing else in the branch."""
    branch = {
        f"{name}_branch": helper.make_graph(
            [node(operator, inputs, [name])], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
        )
        for name, operator, inputs in (("then", "BatchNormalization", ["c", *STATISTICS]), ("else", "Neg", ["x"]))
    }
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Less", ["sum", "sum"], ["never"]),
        node("Not", ["never"], ["always"]),
        node("If", ["always"], ["y"], **branch),
    ]
    x = floats(RANDOM, 2, 4, 4, 4)
    check(fold_batchnorm.apply, build(nodes, STATISTICS | {"w": floats(RANDOM, 4, 4, 1, 1)}, x.shape), x)


def test_not_with_a_variance_that_gives_no_number() -> None:
    constants = STATISTICS | {"w": floats(RANDOM, 4, 3, 1, 1), "y.var": np.full(4, -1, np.float32)}
    changed = change(fold_batchnorm.apply, build([node("Conv", ["x", "w"], ["c"]), BATCHNORM], constants, (2, 3, 4, 4)))
    assert len(changed.graph.node) == 2


def check_that_it_stays(
    nodes: list, constants: dict[str, Array], outputs: list[str] | None = None, shape: tuple[int, ...] = (2, 3, 4, 4)
) -> None:
    model = build(nodes, constants | STATISTICS, shape, outputs or ["y"])
    changed = change(fold_batchnorm.apply, model)
    assert [node.op_type for node in changed.graph.node] == [node.op_type for node in nodes]
    before, after = ({t.name: numpy_helper.to_array(t) for t in m.graph.initializer} for m in (model, changed))
    assert all(np.array_equal(before[name], after[name]) for name in before)
    x = floats(RANDOM, *shape)
    for a, b in zip(run(model, {"x": x}), run(changed, {"x": x}), strict=True):
        assert np.array_equal(a, b)
