"""Rewritings of an ONNX model that keep what it computes: one file each, whose `apply(model)` changes it in place."""

from collections.abc import Callable, Collection

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, ShapeInferencePass

from ...errors import UsageError
from . import (
    fold_batchnorm,
    fold_batchnorm_ahead,
    fold_constants,
    merge_duplicates,
    remove_identity,
    remove_initializers_from_inputs,
    rewrite_prelu,
)

# In the order in which they run: each finds more where those before it have run.
PASSES: dict[str, Callable[[ir.Model], None]] = {
    "remove_initializers_from_inputs": remove_initializers_from_inputs.apply,
    "fold_constants": fold_constants.apply,
    "remove_identity": remove_identity.apply,
    "fold_batchnorm": fold_batchnorm.apply,
    "fold_batchnorm_ahead": fold_batchnorm_ahead.apply,
    "merge_duplicates": merge_duplicates.apply,
    "rewrite_prelu": rewrite_prelu.apply,
}


def run_passes(model: ir.Model, *, without: Collection[str] = ()) -> None:
    """Run all passes but those named in `without`. Raises UsageError for a name that no pass has."""
    unknown = sorted(set(without) - set(PASSES))
    if unknown:
        raise UsageError(f"there is no pass {unknown[0]!r}; known: {', '.join(PASSES)}", argument="without")
    # Files of others need not say the shapes. Not strict: what can't be inferred stays unknown, and a pass leaves it.
    ShapeInferencePass(check_type=False, strict_mode=False)(model)
    for name, apply in PASSES.items():
        if name not in without:
            apply(model)
    RemoveUnusedNodesPass()(model)
