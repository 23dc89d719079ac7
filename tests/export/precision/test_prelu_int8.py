"""PRelu back from the two convolutions of float32, and as the one of int8."""

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.export.passes import rewrite_prelu
from sface.export.precision.prelu_int8 import prelus, recover_prelu, rewrite_prelu_for_int8

from ..passes.pass_check import Array, build, change, check, floats, node, operators

RANDOM = np.random.default_rng(0)
ONE = ["Conv", "Relu", "Add"]
TWO = ["Conv", "Relu", "Conv", "Add"]


def prelu(slopes: Array) -> onnx.ModelProto:
    return build([node("PRelu", ["x", "a"], ["y"])], {"a": slopes.reshape(-1, 1, 1)}, ["N", len(slopes), 3, 4])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), largest=st.sampled_from([0.5, 1.0, 2.0]))
def test_back_and_forth(seed: int, largest: float) -> None:
    """Slopes of both forms; the function stays the same all the way."""
    generator = np.random.default_rng(seed)
    slopes = generator.uniform(-1, largest, 5).astype(np.float32)
    model = prelu(slopes)
    x = floats(generator, 2, 5, 3, 4)
    rewritten = change(rewrite_prelu.apply, model)
    assert check(recover_prelu, rewritten, x, tolerance=1e-6) == ["PRelu"]
    recovered = ir.serde.deserialize_model(change(recover_prelu, rewritten))
    ((_, found),) = prelus(recovered)
    np.testing.assert_allclose(found, slopes, rtol=0, atol=1e-6)
    assert check(rewrite_prelu_for_int8, model, x, tolerance=1e-6) == (ONE if (slopes <= 1).all() else TWO)


def test_from_the_rewritten_form_to_that_for_int8() -> None:
    """The negated x of the second form leaves nothing behind."""
    slopes = np.array([-0.5, 0.0, 0.25, 1.0], dtype=np.float32)

    def both(model: ir.Model) -> None:
        recover_prelu(model)
        rewrite_prelu_for_int8(model)

    rewritten = change(rewrite_prelu.apply, prelu(slopes))
    assert len(operators(rewritten)) == 4
    assert check(both, rewritten, floats(RANDOM, 2, 4, 3, 4)) == ONE


@pytest.mark.parametrize(
    "wrong",
    ["other factor", "not negated", "stride", "bias", "dense", "other x", "plain sum"],
)
def test_what_looks_like_it_stays(wrong: str) -> None:
    """Sums of convolutions that are no PRelu."""
    slopes = np.array([0.5, 0.25, 2, 0.75], dtype=np.float32).reshape(-1, 1, 1, 1)
    constants = {"down": -np.ones_like(slopes), "up": 1 - slopes}
    attributes: dict[str, Any] = {"group": 4, "kernel_shape": [1, 1]}
    x = "x"
    if wrong == "not negated":
        constants["down"] = constants["down"] * 2
    if wrong == "bias":
        constants["shift"] = floats(RANDOM, 4)
    if wrong == "dense":
        constants["up"] = floats(RANDOM, 4, 4, 1, 1)
    negated = node("Conv", ["x", "down"], ["negated"], **attributes)
    scaled = node(
        "Conv",
        ["negative", "up", *(["shift"] if wrong == "bias" else [])],
        ["scaled"],
        **attributes | ({"group": 1} if wrong == "dense" else {}),
    )
    nodes = [negated, node("Relu", ["negated"], ["negative"]), scaled]
    if wrong == "other x":
        nodes, x = [node("Relu", ["x"], ["other"]), *nodes], "other"
    if wrong == "stride":
        nodes[0] = node("Conv", ["x", "down"], ["negated"], strides=[2, 2], **attributes)
        nodes, x = [node("MaxPool", ["x"], ["other"], kernel_shape=[1, 1], strides=[2, 2]), *nodes], "other"
    nodes.append(node("Add", [x, "scaled"], ["y"]))
    if wrong == "other factor":  # a x + Relu(b x), where b is not 1 - a
        constants = {"down": slopes, "up": 0.7 - slopes}
        nodes = [
            node("Conv", ["x", "up"], ["rest"], **attributes),
            node("Relu", ["rest"], ["positive"]),
            node("Conv", ["x", "down"], ["scaled"], **attributes),
            node("Add", ["positive", "scaled"], ["y"]),
        ]
    if wrong == "plain sum":
        constants = {}
        nodes = [node("Relu", ["x"], ["positive"]), node("Add", ["x", "positive"], ["y"])]
    model = build(nodes, constants, [2, 4, 4, 4])
    assert check(recover_prelu, model, floats(RANDOM, 2, 4, 4, 4)) == operators(model)


def test_a_slope_for_each_pixel_stays() -> None:
    model = build([node("PRelu", ["x", "a"], ["y"])], {"a": floats(RANDOM, 4, 3, 4)}, [2, 4, 3, 4])
    assert check(rewrite_prelu_for_int8, model, floats(RANDOM, 2, 4, 3, 4)) == ["PRelu"]
