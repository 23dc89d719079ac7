"""Small ONNX graphs in onnxruntime, before and after a pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
Apply = Callable[[ir.Model], None]
node = helper.make_node


def floats(generator: np.random.Generator, *shape: int) -> Array:
    """Numbers between -1 and 1."""
    return generator.uniform(-1, 1, shape).astype(np.float32)


def build(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Array],
    shape: Sequence[int | str] | None,
    outputs: Sequence[str] = ("y",),
    *,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of `nodes` with the input x, float32 of `shape`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=name) for name in outputs],  # type and shape are inferred
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def batchnorm(generator: np.random.Generator, channels: int, value: str, output: str) -> tuple[Any, dict[str, Array]]:
    """A BatchNormalization and its constants, of which some scales are negative."""
    scale = generator.choice([-1, 1], channels) * generator.uniform(0.2, 1, channels)
    constants = {
        f"{output}.scale": scale.astype(np.float32),
        f"{output}.shift": floats(generator, channels),
        f"{output}.mean": floats(generator, channels),
        f"{output}.var": generator.uniform(0.1, 1, channels).astype(np.float32),
    }
    return node("BatchNormalization", [value, *constants], [output], epsilon=1e-3), constants


def change(apply: Apply, model: onnx.ModelProto) -> onnx.ModelProto:
    """What a pass makes of a model, seen by onnx's checker."""
    changed = ir.serde.deserialize_model(model)
    apply(changed)
    result = ir.serde.serialize_model(changed)
    onnx.checker.check_model(result)
    return result


def run(model: onnx.ModelProto, feed: Mapping[str, Array], *, optimise: bool = False) -> list[Array]:
    """The outputs; without onnxruntime's own passes, some of which do what ours do."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, dict(feed))]


def check(apply: Apply, model: onnx.ModelProto, x: Array, *, tolerance: float = 1e-6) -> list[str]:
    """Run a model before and after a pass on `x`; gives the operators after it.

    The outputs must have the same names, and differ by no more than `tolerance` times the largest value that occurs.
    """
    changed = change(apply, model)
    assert [value.name for value in changed.graph.output] == [value.name for value in model.graph.output]
    assert [value.name for value in changed.graph.input] == [value.name for value in model.graph.input]
    everything = onnx.ModelProto()
    everything.CopyFrom(model)
    names = {value.name for value in model.graph.output}
    for value in model.graph.value_info:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and value.name not in names:
            everything.graph.output.append(value)
    size = max(float(np.abs(value).max(initial=0)) for value in (x, *run(everything, {"x": x})))
    for optimise in (False, True):
        for before, after in zip(run(model, {"x": x}), run(changed, {"x": x}, optimise=optimise), strict=True):
            assert before.shape == after.shape
            assert before.dtype == after.dtype
            difference = before.astype(np.float64) - after.astype(np.float64)
            assert np.abs(difference).max(initial=0) <= tolerance * size
    return operators(changed)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
