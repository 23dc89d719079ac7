"""Small real networks as ONNX files: two layers of random weights that tell faces apart a little."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sface.model_files.metadata import ModelMetadata

DIMENSION = 16
SCALE = 1 / 127.5


def raw_metadata(**fields: object) -> ModelMetadata:
    """Metadata of `write_model`'s files, with `fields` beside or in place of them."""
    values: dict[str, object] = {
        "preprocess": "raw",
        "input_size": 112,
        "input_scale": SCALE,
        "embedding_size": DIMENSION,
        "network": "tiny",
        **fields,
    }
    return ModelMetadata(**values)  # type: ignore[arg-type]


def write_model(
    path: Path,
    *,
    metadata: ModelMetadata | None = None,
    batch: int | str = "N",
    normalised: bool = True,
    factor: float = 1.0,
    seed: int = 0,
) -> Path:
    """Write a network that takes float32 (batch, 3, 112, 112) and gives (batch, 16), times `factor`.

    normalised: its first nodes are Sub and Mul, so that it takes RGB 0..255.
    """
    generator = np.random.default_rng(seed)
    weights = {
        "mean": np.array(127.5),
        "scale": np.array(SCALE),
        "conv": generator.normal(0, 0.05, (8, 3, 16, 16)),
        "slope": generator.uniform(-0.5, 1, (8, 1, 1)),
        "linear": generator.normal(0, 0.1, (8 * 7 * 7, DIMENSION)) * factor,
    }
    nodes = [
        helper.make_node("Sub", ["input", "mean"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "scale"], ["normal"]),
        helper.make_node(
            "Conv", ["normal" if normalised else "input", "conv"], ["patches"], kernel_shape=[16, 16], strides=[16, 16]
        ),
        helper.make_node("PRelu", ["patches", "slope"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["flat"]),
        helper.make_node("MatMul", ["flat", "linear"], ["embedding"]),
    ]
    if not normalised:
        nodes = nodes[2:]
        nodes[0].input[0] = "input"
        del weights["mean"], weights["scale"]
    return write_graph(
        path,
        nodes,
        inputs=[("input", TensorProto.FLOAT, [batch, 3, 112, 112])],
        outputs=[("embedding", TensorProto.FLOAT, [batch, DIMENSION])],
        weights={name: value.astype(np.float32) for name, value in weights.items()},
        metadata=metadata,
    )


Value = tuple[str, int, list[int | str]]


def write_graph(
    path: Path,
    nodes: list[onnx.NodeProto],
    *,
    inputs: list[Value],
    outputs: list[Value],
    weights: dict[str, NDArray[Any]] | None = None,
    metadata: ModelMetadata | None = None,
) -> Path:
    """Write a graph as an ONNX file."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, metadata.to_props())
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def floats(*shape: int) -> NDArray[np.float32]:
    """A weight."""
    return np.ones(shape, dtype=np.float32)


def write_product(
    path: Path, operator: str, x: list[int | str], weight: tuple[int, ...], result: list[int | str], **attributes: Any
) -> Path:
    """Write a graph of one node, `operator`, that makes y of an input x and a weight."""
    return write_graph(
        path,
        [helper.make_node(operator, ["x", "weight"], ["y"], **attributes)],
        inputs=[("x", TensorProto.FLOAT, x)],
        outputs=[("y", TensorProto.FLOAT, result)],
        weights={"weight": floats(*weight)},
    )


def write_published_sface(shared: Path, path: Path, metadata: ModelMetadata | None = None) -> Path:
    """OpenCV's SFace network as onnxruntime takes it: its weights stand among its inputs too, and are taken out."""
    model = onnx.load(shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx")
    for value in [value for value in model.graph.input if value.name != "data"]:
        model.graph.input.remove(value)
    if metadata is not None:
        helper.set_model_props(model, metadata.to_props())
    onnx.save(model, path)
    return path
