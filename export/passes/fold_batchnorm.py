"""BatchNormalization after Conv, ConvTranspose or Gemm goes into their weights.

    (W x + b - mean) * k + bias  =  (k W) x + (b - mean) * k + bias        k = weight / sqrt(var + eps)

Not where another node reads what lies between the two, or where the weights are shared or not constant.
"""

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules.common import fuse_batchnorm_rule_set


def apply(model: ir.Model) -> None:
    """Fold each BatchNormalization that can be folded."""
    RewritePass(fuse_batchnorm_rule_set())(model)
    RemoveUnusedNodesPass()(model)
