"""BatchNormalization as what it is once trained: a factor and an offset for each channel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from .graph_edits import constant


@dataclass(frozen=True, slots=True)
class Affine:
    """y = factor * x + offset, each of shape (channels,), along axis 1."""

    factor: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]  # how large x is: |mean| + standard deviation


def affine(node: ir.Node | None) -> Affine | None:
    """What a BatchNormalization computes; None for another node, in training mode, where not constant or not finite.

        (x - mean) * k + shift  =  k x + (shift - k mean)        k = scale / sqrt(var + epsilon)

    In training mode it takes mean and variance from the batch; before opset 14, further outputs are what says so. Files
    before opset 9 may have a mean and a variance for every pixel (`spatial`).
    """
    if node is None or node.op_type != "BatchNormalization" or node.domain != "":
        return None
    if node.attributes.get_int("training_mode", 0) or not node.attributes.get_int("spatial", 1):
        return None
    if any(output.name for output in node.outputs[1:]):
        return None
    scale, shift, mean, var = (constant(value) for value in node.inputs[1:5])
    if scale is None or shift is None or mean is None or var is None:
        return None
    scale, shift, mean, var = (array.astype(np.float64) for array in (scale, shift, mean, var))
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(var + node.attributes.get_float("epsilon", 1e-5))
        factor = scale / deviation
        offset = shift - factor * mean
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        return None
    return Affine(factor, offset, np.abs(mean) + deviation)
