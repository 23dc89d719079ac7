"""A small face network of drawn weights as ONNX, with everything in it that the real ones have, and crops for it."""

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sface.export.passes import run_passes
from sface.model_files.network_input import network_input

Array = NDArray[Any]
SIZE, DIMENSION = 24, 128
Layer = tuple[str, list[Any], dict[str, Any]]  # operator, constants, attributes


class Drawing:
    """A graph that is written node by node; each method gives the name of its result."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}

    def constant(self, array: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype=np.float32)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x: str, shape: tuple[int, ...], **attributes: Any) -> str:
        """With weights that keep the size of the values."""
        weight = self.generator.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        pads = [shape[2] // 2] * 4
        return self.node("Conv", x, self.constant(weight), kernel_shape=shape[2:], pads=pads, **attributes)

    def batchnorm(self, x: str, channels: int) -> str:
        ranges = ((0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.3, 2))
        values = [self.constant(self.generator.uniform(low, high, channels)) for low, high in ranges]
        return self.node("BatchNormalization", x, *values, epsilon=1e-5)

    def prelu(self, x: str, channels: int, least: float, largest: float) -> str:
        return self.node("PRelu", x, self.constant(self.generator.uniform(least, largest, (channels, 1, 1))))


def draw_network(
    seed: int = 0, *, batch: int | str = "batch", opset: int = 17, props: dict[str, str] | None = None
) -> ir.Model:
    """A network that takes float32 (batch, 3, 24, 24) 0..255 and gives (batch, 128), as the passes leave it.

    In it: slopes below 0 and above 1, depthwise convolutions, a BatchNormalization that can't be folded,
    squeeze-excitation, MaxPool, a residual.
    """
    draw = Drawing(seed)
    x = draw.node("Mul", draw.node("Sub", "input", draw.constant(127.5)), draw.constant(1 / 127.5))
    x = draw.prelu(draw.batchnorm(draw.conv(x, (16, 3, 3, 3), strides=[2, 2]), 16), 16, 0.1, 0.5)
    x = draw.prelu(draw.batchnorm(draw.conv(x, (16, 1, 3, 3), group=16), 16), 16, -0.3, 1.3)
    x = draw.prelu(draw.batchnorm(draw.conv(x, (32, 16, 1, 1)), 32), 32, 0.5, 1.5)
    y = draw.prelu(draw.conv(draw.batchnorm(x, 32), (32, 32, 3, 3)), 32, 0.1, 0.5)
    y = draw.batchnorm(draw.conv(y, (32, 32, 3, 3), strides=[2, 2]), 32)
    squeezed = draw.node("Relu", draw.conv(draw.node("GlobalAveragePool", y), (4, 32, 1, 1)))
    y = draw.node("Mul", y, draw.node("Sigmoid", draw.conv(squeezed, (32, 4, 1, 1))))
    x = draw.node("Add", y, draw.node("MaxPool", x, kernel_shape=[1, 1], strides=[2, 2]))
    weights = draw.constant(draw.generator.normal(0, 0.03, (DIMENSION, 32 * 6 * 6)))
    embedding = draw.node("Gemm", draw.node("Flatten", x), weights, draw.constant(np.full(DIMENSION, 0.1)), transB=1)
    draw.nodes[-1].output[0] = "embedding"
    assert embedding
    model = model_of(draw, [batch, 3, SIZE, SIZE], [batch, DIMENSION], opset=opset)
    model.metadata_props.update(props or {})
    return model


def model_of(
    draw: Drawing, shape: list[int | str], result: list[int | str] | None = None, *, opset: int = 17
) -> ir.Model:
    """What was drawn, from "input" to "embedding", as the passes leave it."""
    graph = helper.make_graph(
        draw.nodes,
        "drawn",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, result)],
        [numpy_helper.from_array(array, name) for name, array in draw.constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    model = ir.serde.deserialize_model(proto)
    run_passes(model)
    return model


def chain(*layers: Layer, shape: list[int | str]) -> ir.Model:
    """A network of nodes one behind the other, from "input" to "embedding"."""
    draw, x = Drawing(0), "input"
    for operator, constants, attributes in layers:
        x = draw.node(operator, x, *map(draw.constant, constants), **attributes)
    draw.nodes[-1].output[0] = "embedding"
    return model_of(draw, shape)


def draw_crops(count: int, seed: int = 0, size: int = SIZE) -> NDArray[np.uint8]:
    """Coarse pictures with a little noise, uint8 (count, size, size, 3): more different from each other than noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 240, (count, 4, 4, 3))
    edge = -(-size // 4)
    large = coarse.repeat(edge, axis=1).repeat(edge, axis=2)[:, :size, :size]
    return np.asarray(large + generator.integers(0, 16, large.shape), dtype=np.uint8)


def data_of(model: ir.Model) -> bytes:
    """The file's bytes, after onnx's checker."""
    proto = ir.serde.serialize_model(model)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def embed(data: bytes, crops: NDArray[np.uint8], *, optimise: bool = True) -> Array:
    """Raw embeddings of crops, one by one, or as many at once as the file wants."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    step = entry.shape[0] if isinstance(entry.shape[0], int) else 1
    x = network_input(crops)
    return np.concatenate([session.run(None, {entry.name: x[i : i + step]})[0] for i in range(0, len(x), step)])


def cosines(first: Array, second: Array) -> Array:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / lengths)
