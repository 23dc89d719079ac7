"""Multiply-accumulates against figures counted by hand, against a count of every product, and a published one."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sface.export.onnx_files.inspection import Value, inspect

from ...tiny_models import floats, write_graph, write_product

FLOAT = TensorProto.FLOAT
Shape = list[int | str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(
    ("operator", "x", "weight", "result", "attributes", "macs"),
    [
        ("Conv", ["N", 4, 10, 8], (6, 4, 3, 3), ["N", 6, 8, 6], {}, 6 * 8 * 6 * 4 * 9),
        ("Conv", ["N", 4, 10, 8], (6, 2, 3, 3), ["N", 6, 8, 6], {"group": 2}, 6 * 8 * 6 * 2 * 9),
        ("Conv", ["N", 4, 10, 8], (4, 1, 3, 3), ["N", 4, 8, 6], {"group": 4}, 4 * 8 * 6 * 9),
        ("Conv", [1, 3, 11, 11], (5, 3, 3, 3), [1, 5, 6, 6], {"strides": [2, 2], "pads": [1] * 4}, 5 * 36 * 3 * 9),
        ("Conv", [1, 1, 9, 9], (2, 1, 3, 3), [1, 2, 3, 3], {"dilations": [3, 3]}, 2 * 9 * 9),
        ("Conv", [1, 2, 7], (3, 2, 5), [1, 3, 3], {}, 3 * 3 * 2 * 5),
        ("Conv", [4, 3, 5, 5], (2, 3, 5, 5), [4, 2, 1, 1], {}, 4 * 2 * 75),  # a batch that the file fixes
        ("Conv", ["N", 3, "H", "W"], (2, 3, 1, 1), ["N", 2, "H", "W"], {}, 2 * 3),
        ("ConvTranspose", [1, 4, 5, 5], (4, 3, 2, 2), [1, 3, 10, 10], {"strides": [2, 2]}, 4 * 25 * 3 * 4),
        ("ConvTranspose", [1, 4, 5, 5], (4, 3, 2, 2), [1, 6, 6, 6], {"group": 2}, 4 * 25 * 3 * 4),
        ("Gemm", [2, 5], (5, 7), [2, 7], {}, 2 * 5 * 7),
        ("Gemm", [5, 2], (7, 5), [2, 7], {"transA": 1, "transB": 1}, 2 * 5 * 7),
        ("MatMul", ["N", 3, 4, 5], (5, 6), ["N", 3, 4, 6], {}, 3 * 4 * 5 * 6),
        ("MatMul", [2, 1, 4, 5], (3, 5, 6), [2, 3, 4, 6], {}, 2 * 3 * 4 * 5 * 6),
        ("MatMul", [5], (5,), [], {}, 5),
    ],
)
def test_products_counted_by_hand(
    path: Path,
    operator: str,
    x: Shape,
    weight: tuple[int, ...],
    result: Shape,
    attributes: dict[str, Any],
    macs: int,
) -> None:
    summary = inspect(write_product(path, operator, x, weight, result, **attributes))
    assert (summary.macs, summary.macs_at_least) == (macs, False)
    assert summary.parameters == math.prod(weight)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)),
        min_size=1,
        max_size=2,
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_a_convolution_against_a_count_of_every_product(
    tmp_path_factory: pytest.TempPathFactory,
    axes: list[tuple[int, int, int, int, int]],
    group: int,
    inputs: int,
    outputs: int,
) -> None:
    """A window is slid over each axis; `inputs` and `outputs` are channels of a group."""
    axes = [
        (size + (kernel - 1) * dilation, kernel, stride, dilation, pad) for size, kernel, stride, dilation, pad in axes
    ]
    sizes, kernels, strides, dilations, pads = (list(values) for values in zip(*axes, strict=True))
    windows = [
        [start for start in range(-pad, size + pad, stride) if start + (kernel - 1) * dilation < size + pad]
        for size, kernel, stride, dilation, pad in axes
    ]
    products = 0
    for _position in itertools.product(range(group * outputs), *windows):
        for _tap in itertools.product(range(inputs), *map(range, kernels)):
            products += 1
    summary = inspect(
        write_product(
            tmp_path_factory.mktemp("conv") / "model.onnx",
            "Conv",
            ["N", group * inputs, *sizes],
            (group * outputs, inputs, *kernels),
            ["N", group * outputs, *map(len, windows)],
            group=group,
            strides=strides,
            dilations=dilations,
            pads=pads * 2,
        )
    )
    assert (summary.macs, summary.macs_at_least) == (products, False)


def test_shapes_that_are_computed_in_the_graph(path: Path) -> None:
    """x.view(x.size(0), -1), as PyTorch writes it."""
    write_graph(
        path,
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Gather", ["shape", "zero"], ["batch"]),
            helper.make_node("Concat", ["batch", "rest"], ["flat_shape"], axis=0),
            helper.make_node("Reshape", ["x", "flat_shape"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight"], ["y"]),
        ],
        inputs=[("x", FLOAT, ["N", 3, 4, 5])],
        outputs=[("y", FLOAT, ["N", 7])],
        weights={"zero": np.array([0]), "rest": np.array([-1]), "weight": floats(60, 7)},
    )
    summary = inspect(path)
    assert (summary.macs, summary.macs_at_least) == (60 * 7, False)
    assert summary.parameters == 60 * 7  # not the shapes


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (helper.make_node("MatMul", ["y", "free"], ["z"]), "MatMul"),
        (helper.make_node("Einsum", ["y", "y"], ["z"], equation="ij,ij->ij"), "Einsum"),
        (helper.make_node("FusedMatMul", ["y", "weight"], ["z"], domain="com.microsoft"), "com.microsoft.FusedMatMul"),
        (helper.make_node("Gemm", ["y"], ["z"]), "Gemm"),
        (helper.make_node("Conv", ["y", "nowhere"], []), "Conv"),
    ],
)
def test_what_stays_unknown_makes_it_at_least(path: Path, node: onnx.NodeProto, name: str) -> None:
    model = onnx.load(write_product(path, "MatMul", [3, 4], (4, 4), [3, 4]))
    model.graph.node.append(node)
    model.graph.input.append(helper.make_tensor_value_info("free", FLOAT, None))
    onnx.save(model, path)
    summary = inspect(path)
    assert (summary.macs, summary.macs_at_least) == (3 * 4 * 4, True)
    assert name in summary.operators
    assert summary.inputs[1] == Value("free", "float32", None)


def test_graphs_inside_of_nodes(path: Path) -> None:
    branches = {
        name: helper.make_graph(
            [helper.make_node("MatMul", ["x", f"{name}_weight"], [f"{name}_y"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}_y", FLOAT, [3, 5])],
            [onnx.numpy_helper.from_array(floats(4, 5), f"{name}_weight")],
        )
        for name in ("then_branch", "else_branch")
    }
    write_graph(
        path,
        [helper.make_node("If", ["condition"], ["y"], **branches)],
        inputs=[("x", FLOAT, [3, 4]), ("condition", TensorProto.BOOL, [])],
        outputs=[("y", FLOAT, [3, 5])],
    )
    summary = inspect(path)
    assert summary.operators == {"MatMul": 2, "If": 1}
    assert summary.parameters == 2 * 20
    assert (summary.macs, summary.macs_at_least) == (0, True)


def test_mobilefacenet_has_0_22_billion(model_file: Path) -> None:
    summary = inspect(model_file)
    assert 0.22e9 < summary.macs < 0.23e9  # PRelu as it is rewritten is 2 % of it
    assert not summary.macs_at_least
    assert 0.9e6 < summary.parameters < 1.0e6
