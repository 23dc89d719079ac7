"""BatchNormalization that could not be folded becomes a depthwise 1x1 convolution: the same factor and offset.

In float16 its variances would be rounded where they are smallest; in int8 onnxruntime has no kernel for it. IR_50 and
its kin keep one in each unit (export/passes/fold_batchnorm_ahead.py says why).
"""

import numpy as np
import onnx_ir as ir

from ..passes.affine import affine
from ..passes.graph_edits import add_constant, label, nodes_of, replace


def batchnorm_to_convolution(model: ir.Model) -> None:
    """Rewrite each one that has constant statistics and takes float32 (N, C, H, W)."""
    for node in nodes_of(model, "BatchNormalization"):
        line, x = affine(node), node.inputs[0]
        if line is None or x is None or x.dtype != ir.DataType.FLOAT or x.shape is None or len(x.shape) != 4:
            continue
        assert isinstance(node.graph, ir.Graph)
        channels = len(line.factor)
        weight = line.factor.astype(np.float32).reshape(channels, 1, 1, 1)
        constants = [
            add_constant(node.graph, f"{label(node)}.weight", weight),
            add_constant(node.graph, f"{label(node)}.bias", line.offset.astype(np.float32)),
        ]
        convolution = ir.node("Conv", [x, *constants], {"group": channels, "kernel_shape": [1, 1]}, name=node.name)
        replace(node, [convolution])
