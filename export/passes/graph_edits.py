"""What the passes ask of a graph, and the few ways in which they change one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

Array = npt.NDArray[Any]


def nodes_of(model: ir.Model, *operators: str) -> Iterator[ir.Node]:
    """ONNX's own `operators` in the model and its subgraphs, as they stand now: a pass may change them meanwhile."""
    for node in tuple(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain == "" and node.op_type in operators:
            yield node


def constant(value: ir.Value | None) -> Array | None:
    """The numbers of a value that is the same in every run. None for text, or where a caller may give another."""
    if value is None or value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None or tensor.dtype == ir.DataType.STRING else tensor.numpy()


def bias(layer: ir.Node) -> Array | None:
    """The bias (input 2) of a layer with constant weights, zero where it has none. None where it isn't constant."""
    if len(layer.inputs) > 2 and layer.inputs[2] is not None:
        return constant(layer.inputs[2])
    weight = constant(layer.inputs[1])
    return None if weight is None else np.zeros(1, weight.dtype)


def only_reader(value: ir.Value) -> ir.Node | None:
    """The node that alone reads `value`, and once. None where there are more, or where it leaves the graph."""
    readers = [node for node, _ in value.uses()]
    return readers[0] if len(readers) == 1 and not value.is_graph_output() else None


def label(node: ir.Node) -> str:
    """A name for `node`, which need not have one."""
    return node.name or node.outputs[0].name or node.op_type


def add_constant(graph: ir.Graph, name: str, array: Array) -> ir.Value:
    """A new initializer, called `name` or, where that is taken, `name` with a number."""
    name = free_name(graph, name)
    tensor = ir.tensor(np.require(array, requirements="C"), name=name)
    value = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=ir.Shape(array.shape), const_value=tensor)
    graph.register_initializer(value)
    return value


def free_name(graph: ir.Graph, wanted: str) -> str:
    """`wanted`, or with a number behind it where the graph has a value or a node of that name."""
    taken = {value.name for value in graph.inputs} | set(graph.initializers)
    for node in graph:
        taken |= {node.name, *(output.name for output in node.outputs)}
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def set_constant(node: ir.Node, index: int, array: Array, name: str) -> None:
    """Let input `index` of `node` be `array`. An initializer that others read too is left to them.

    name: of the new initializer, where there was no constant that may be changed.
    """
    if index >= len(node.inputs):
        node.resize_inputs(index + 1)
    old = node.inputs[index]
    if old is not None and old.is_initializer() and only_reader(old) is node:
        old.const_value = ir.tensor(np.require(array, requirements="C"), name=old.name)
        old.shape = ir.Shape(array.shape)
        return
    assert isinstance(node.graph, ir.Graph)
    node.replace_input_with(index, add_constant(node.graph, name, array))


def times(weight: Array, factor: Array) -> Array:
    """`weight` times `factor`, computed in float64 and rounded once, in small pieces: some are 100 MB and more."""
    return np.multiply(weight, factor, out=np.empty_like(weight), dtype=np.float64, casting="same_kind")


def replace(node: ir.Node, new_nodes: list[ir.Node]) -> None:
    """Put `new_nodes` in the place of `node`; the last one's output gets the name, type and shape of the node's."""
    assert node.graph is not None
    new_output = new_nodes[-1].outputs[0]
    ir.convenience.replace_nodes_and_values(node.graph, node, [node], new_nodes, [node.outputs[0]], [new_output])


def bypass(node: ir.Node) -> bool:
    """Remove a node whose first output equals its first input. Gives whether it could be removed.

    An output of the graph keeps its name, which the value takes over. That can't be done where the value is an input, a
    constant or an output of the graph itself, or comes from outside of a subgraph.
    """
    value, output = node.inputs[0], node.outputs[0]
    assert value is not None and node.graph is not None
    if output.is_graph_output():
        producer = value.producer()
        if producer is None or producer.graph is not node.graph or value.is_graph_output():
            return False
        name = output.name
        ir.convenience.replace_all_uses_with(output, value, replace_graph_outputs=True)
        output.name = None
        value.name = name
    else:
        ir.convenience.replace_all_uses_with(output, value)
    if value.shape is None:
        value.shape = output.shape
    if value.type is None:
        value.type = output.type
    node.graph.remove(node, safe=True)
    return True
