"""BatchNormalization after Conv, ConvTranspose or Gemm goes into their weights.

    (W x + b - mean) * k + bias  =  (k W) x + (b - mean) * k + bias        k = weight / sqrt(var + eps)

Not where another node reads what lies between the two, or where the weights are shared or not constant.
"""

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules import common

RULES = (
    common.fuse_batchnorm_into_conv_rule,
    common.fuse_batchnorm_into_conv_transpose_rule,
    common.fuse_batchnorm_into_gemm_rule,
)


def apply(model: ir.Model) -> None:
    """Fold each BatchNormalization that can be folded."""
    RewritePass(RULES)(model)
    RemoveUnusedNodesPass()(model)
