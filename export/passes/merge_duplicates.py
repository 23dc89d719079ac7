"""Equal constants are stored once.

Equal means of the same type, shape and bits: 0.0 and -0.0 stay two constants.
"""

import sys

import onnx_ir as ir
from onnx_ir.passes.common import DeduplicateInitializersPass


def apply(model: ir.Model) -> None:
    """Let all readers of equal constants read the first of them."""
    DeduplicateInitializersPass(size_limit=sys.maxsize)(model)
