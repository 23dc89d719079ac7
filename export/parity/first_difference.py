"""With which layer does a difference between a module and its file begin? Found by bisection."""

from typing import Any

import jittor as jt
import numpy as np
import onnx_ir as ir
from jittor import nn

from ...model_files.onnx_session import open_session
from ..tracing.trace import Layers, evaluating
from .parity import BOUND, Array


def first_difference(module: nn.Module, model: ir.Model, layers: Layers, inputs: tuple[Array, ...]) -> str | None:
    """The path of the first layer whose output differs in `model`, or None where none does.

    layers: from the trace. Those that passes have taken away are left out: a BatchNorm that went into the convolution
    before it is judged with that. It takes one run of both for each halving, and assumes that a difference, once there,
    does not go away.
    """
    values = {value.name: value for node in model.graph for value in node.outputs}
    seen: dict[str, int] = {}
    places = []
    for path, name in layers:
        seen[path] = seen.get(path, -1) + 1
        if name in values:
            places.append((path, seen[path], name))
    outputs = list(model.graph.outputs)

    def differs(place: tuple[str, int, str]) -> bool:
        path, occurrence, name = place
        expected = _layer_output(module, path, occurrence, inputs)
        model.graph.outputs[:] = [values[name]]
        data = ir.serde.serialize_model(model).SerializeToString()
        session = open_session(data, "the exported graph")
        names = [node.name for node in session.get_inputs()]
        actual = session.run(None, dict(zip(names, inputs, strict=True)))[0]
        if actual.shape != expected.shape:
            return True
        # As a share of what the values vary by, not of their size: a large offset hides a small signal.
        scale = max(float(np.ptp(expected)), 1e-30)
        return not bool(np.abs(actual - expected).max(initial=0) <= BOUND * scale)

    try:
        low, high = 0, len(places)  # the first that differs is in places[low:high], or there is none
        while low < high:
            middle = (low + high) // 2
            if differs(places[middle]):
                high = middle
            else:
                low = middle + 1
    finally:
        model.graph.outputs[:] = outputs
    return places[low][0] if low < len(places) else None


def _layer_output(module: nn.Module, path: str, occurrence: int, inputs: tuple[Array, ...]) -> Array:
    """What the layer at `path` gives when it is called for the (occurrence + 1)-th time."""
    layer = dict(module.named_modules())[path]
    found: list[Any] = []
    original = nn.Module.__call__

    def call(called: nn.Module, *args: Any, **kwargs: Any) -> Any:
        output = original(called, *args, **kwargs)
        if called is layer:
            found.append(output)
        return output

    nn.Module.__call__ = call
    try:
        with evaluating(module), jt.no_grad():
            module(*map(jt.array, inputs))
    finally:
        nn.Module.__call__ = original
    return np.asarray(found[occurrence].numpy())
