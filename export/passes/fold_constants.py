"""Everything that can be computed from constants is computed, by onnxruntime, and becomes an initializer.

With it block-quantised weights: whole numbers with a scale for each block of an axis, which onnxruntime would compute
again in every run. However large the result is.

Not a node of random outputs, nor one with a graph inside. Not QuantizeLinear and DequantizeLinear where the network
quantises what flows through it too: onnxruntime chooses its int8 kernels by the DequantizeLinear of their weights.

onnxscript's folding is not used: it has no DequantizeLinear before opset 19, and takes what is random with Bernoulli
for constant.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass, RemoveUnusedNodesPass

from ...errors import ModelError
from ...model_files.onnx_session import open_session
from .graph_edits import Array, constant, label, nodes_of

RANDOM = (
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("Multinomial", "Bernoulli", "Dropout"),
)
QUANTISERS = ("QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear")


def apply(model: ir.Model) -> None:
    """Fold what can be folded, and lift Constant nodes to initializers."""
    kept = {"Constant", *RANDOM}
    if _quantises_activations(model):
        kept |= {*QUANTISERS}
    for node in tuple(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.op_type not in kept:
            results = _compute(node, model.opset_imports, model.ir_version)
            if results is not None:
                _replace(node, results)
    RemoveUnusedNodesPass()(model)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)


def _quantises_activations(model: ir.Model) -> bool:
    quantisers = nodes_of(model, "QuantizeLinear", "DynamicQuantizeLinear")
    return any(constant(node.inputs[0]) is None for node in quantisers)


def _compute(node: ir.Node, opsets: Mapping[str, int], ir_version: int) -> list[Array] | None:
    """The outputs of a node that has constant inputs only; None where it hasn't, or where onnxruntime can't run it."""
    if any(value.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for value in node.attributes.values()):
        return None
    inputs = {value.name: constant(value) for value in node.inputs if value is not None}
    tensors = [ir.tensor(array, name=name) for name, array in inputs.items() if array is not None]
    if len(tensors) < len(inputs):
        return None
    names = [output.name for output in node.outputs if output.name]
    proto = ir.serde.serialize_node(node)
    if node.op_type == "DequantizeLinear" and tensors[1].shape == (1,):
        # onnxruntime refuses to run a list of numbers that is one block. Without blocks it is the same.
        attributes = [attribute for attribute in proto.attribute if attribute.name != "block_size"]
        del proto.attribute[:]
        proto.attribute.extend(attributes)
    graph = onnx.helper.make_graph(
        [proto],
        "constant",
        [],
        [onnx.ValueInfoProto(name=name) for name in names],
        [ir.serde.serialize_tensor(tensor) for tensor in tensors],
    )
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    try:
        session = open_session(model.SerializeToString(), label(node), threads=1)
    except ModelError:
        return None
    try:
        results = session.run(names, {})
    except Exception:  # onnxruntime's own errors have no common base
        return None
    types = [output.type for output in session.get_outputs()]
    return results if all(map(_is_of_type, results, types)) else None


def _is_of_type(result: object, kind: str) -> bool:
    """Whether an output came as what it is: float8 comes as its bytes, text as objects."""
    names = {"float32": "float", "float64": "double"}
    return isinstance(result, np.ndarray) and kind == f"tensor({names.get(result.dtype.name, result.dtype.name)})"


def _replace(node: ir.Node, results: list[Array]) -> None:
    """Put Constant nodes in the place of `node`."""
    assert node.graph is not None
    outputs = [output for output in node.outputs if output.name]
    constants = [ir.node("Constant", [], {"value": ir.tensor(result)}) for result in results]
    ir.convenience.replace_nodes_and_values(
        node.graph, node, [node], constants, outputs, [constant.outputs[0] for constant in constants]
    )
