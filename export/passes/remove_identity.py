"""Nodes whose output is their input are removed.

- Identity
- Dropout outside of training, where nothing reads its mask
- Cast to the type that the value has
- Transpose that keeps the order of the axes
- Reshape and Flatten to the shape that the value has, of which at most one size may be unknown

An output of the graph keeps its name. The node stays between two outputs, or from an input to an output of the graph.
onnx_ir's pass is not used: between two outputs it gives both the same name.
"""

import onnx_ir as ir

from .graph_edits import bypass, constant, nodes_of


def apply(model: ir.Model) -> None:
    """Remove what does nothing."""
    opset = model.opset_imports[""]
    for node in nodes_of(model, "Identity", "Dropout", "Cast", "Transpose", "Reshape", "Flatten"):
        if _does_nothing(node, opset):
            bypass(node)


def _does_nothing(node: ir.Node, opset: int) -> bool:
    value, output = node.inputs[0], node.outputs[0]
    if value is None:
        return False
    match node.op_type:
        case "Dropout":
            mask_is_read = any(mask.uses() or mask.is_graph_output() for mask in node.outputs[1:])
            return not mask_is_read and not _drops(node, opset)
        case "Cast":
            return value.dtype is not None and value.dtype == node.attributes.get_int("to")
        case "Transpose":
            order = node.attributes.get_ints("perm")
            return order is not None and list(order) == list(range(len(order)))
        case "Reshape" | "Flatten":
            return _same_shape(value.shape, output.shape)
    return True


def _drops(node: ir.Node, opset: int) -> bool:
    """Whether a Dropout is, or may be, in training mode."""
    if opset < 7:
        return not node.attributes.get_int("is_test", 0)
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return False
    training = constant(node.inputs[2])
    return training is None or bool(training.any())


def _same_shape(before: ir.Shape | None, after: ir.Shape | None) -> bool:
    """A reshape keeps the number of elements, so with all sizes but one equal the last one is equal too."""
    if before is None or after is None or len(before) != len(after):
        return False
    different = [(a, b) for a, b in zip(before, after, strict=True) if a != b or not isinstance(a, int) or a == 0]
    return not different or (len(different) == 1 and not all(isinstance(size, int) for size in different[0]))
