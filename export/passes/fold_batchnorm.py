"""BatchNormalization after Conv, ConvTranspose or Gemm goes into their weights.

    k (W x + b) + c  =  (k W) x + (k b + c)        k, c: see affine.py

Not where another node reads what lies between the two, where weights or statistics are not constant, or in training
mode. Weights that another node reads too are copied.

onnxscript's rules are not used: they fold training mode too, stop at a bias that is named but empty, and can give a new
bias the name of another constant.
"""

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from .affine import Affine, affine
from .graph_edits import Array, bias, bypass, constant, label, nodes_of, only_reader, set_constant, times


def apply(model: ir.Model) -> None:
    """Fold each BatchNormalization that can be folded."""
    for node in nodes_of(model, "BatchNormalization"):
        line, value = affine(node), node.inputs[0]
        if line is not None and value is not None and only_reader(value) is node:
            layer = value.producer()
            # In another graph the two are where one is in a branch of an If.
            if layer is not None and layer.domain == "" and layer.graph is node.graph and _fold(layer, line):
                name = node.outputs[0].name
                bypass(node)
                value.name = name  # what it now holds: the comparison of a file with a network goes by it
    RemoveUnusedNodesPass()(model)


def _fold(layer: ir.Node, line: Affine) -> bool:
    """Let `layer` compute the line of what it computed. Gives False, and changes nothing, where it can't."""
    if layer.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return False
    weight = constant(layer.inputs[1])
    old_bias = bias(layer)
    if weight is None or old_bias is None:
        return False
    beta = layer.attributes.get_float("beta", 1.0)  # Gemm's factor of its bias
    layer.attributes.pop("beta", None)
    new_bias = (beta * old_bias * line.factor + line.offset).astype(weight.dtype)
    set_constant(layer, 1, _scaled(layer, weight, line.factor), f"{label(layer)}.weight")
    set_constant(layer, 2, new_bias, f"{label(layer)}.bias")
    return True


def _scaled(layer: ir.Node, weight: Array, factor: npt.NDArray[np.float64]) -> Array:
    """The weights with each output channel times its factor."""
    if layer.op_type == "ConvTranspose":  # (inputs, outputs of one group, ...), the inputs of group after group
        groups = layer.attributes.get_int("group", 1)
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        ones = [1] * (weight.ndim - 2)
        return times(grouped, factor.reshape(groups, 1, -1, *ones)).reshape(weight.shape)
    if layer.op_type == "Gemm" and not layer.attributes.get_int("transB", 0):
        return times(weight, factor)
    return times(weight, factor.reshape(-1, *[1] * (weight.ndim - 1)))
