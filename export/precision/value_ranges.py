"""The smallest and the largest numbers that flow through a network, crop by crop."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from ...errors import ModelError, UsageError
from ...model_files.metadata import Preprocess
from ...model_files.network_input import network_input
from ...model_files.onnx_session import open_session
from ..passes.graph_edits import add_constant

Array = npt.NDArray[np.float32]


def check_crops(crops: npt.NDArray[np.uint8], size: object) -> None:
    """Raises UsageError unless there is a crop, and crops are uint8 (N, size, size, 3)."""
    if not len(crops):
        raise UsageError("crops: there is no crop to measure with", remedy="give real faces", argument="crops")
    if crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3):
        shape = "x".join(map(str, crops.shape[1:]))
        raise UsageError(
            f"crops: images of {shape}, {crops.dtype}; the network takes {size}x{size}x3, uint8", argument="crops"
        )


def measure_ranges(
    model: ir.Model,
    values: Sequence[ir.Value],
    crops: npt.NDArray[np.uint8],
    preprocess: Preprocess = "raw",
    *,
    channels: bool = False,
) -> Iterator[list[tuple[Array, Array]]]:
    """For each crop, uint8 (N, S, S, 3) RGB, the minimum and maximum of each of `values`, which are float32.

    channels: of each channel (C,) of values (N, C, H, W), not of the whole value.
    Only these leave onnxruntime, so memory stays at what one crop needs. In one thread, so that nothing depends on how
    many there are. Raises ModelError where a value is not finite.
    """
    session = open_session(_with_range_outputs(model, values, channels), "the network to calibrate", threads=1)
    entry = session.get_inputs()[0]
    batch = entry.shape[0] if isinstance(entry.shape[0], int) else 1
    for crop in crops:
        x = network_input(np.repeat(crop[None], batch, axis=0), preprocess)
        results = session.run(None, {entry.name: x})
        if not all(np.isfinite(result).all() for result in results):
            raise ModelError("the network computes values that are not finite", remedy="take an earlier checkpoint")
        yield list(zip(results[0::2], results[1::2], strict=True))


def _with_range_outputs(model: ir.Model, values: Sequence[ir.Value], channels: bool) -> bytes:
    """The file of a network that gives the minimum and the maximum of each value in place of its outputs."""
    model = model.clone()
    graph = model.graph
    named = {value.name: value for value in graph.inputs} | {o.name: o for node in graph for o in node.outputs}
    axes = [add_constant(graph, "ranges.axes", np.array([0, 2, 3]))] if channels else []
    as_input = model.opset_imports[""] >= 18
    outputs = []
    for index, value in enumerate(values):
        for operator in ("ReduceMin", "ReduceMax"):
            inputs = [named[value.name], *(axes if as_input else [])]
            attributes = {"keepdims": 0} | ({"axes": [0, 2, 3]} if channels and not as_input else {})
            node = ir.node(operator, inputs, attributes)
            node.outputs[0].name, node.outputs[0].dtype = f"range.{operator}.{index}", ir.DataType.FLOAT
            graph.append(node)
            outputs.append(node.outputs[0])
    graph.outputs.clear()
    graph.outputs.extend(outputs)
    return bytes(ir.serde.serialize_model(model).SerializeToString())
