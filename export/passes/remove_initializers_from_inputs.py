"""Initializers that are also listed as inputs of the graph are removed from that list, and so are inputs that nothing
reads.

ONNX before IR version 4 wanted every weight listed as an input: a caller may change it, so nothing can be folded.
OpenCV's block-quantised files still list the weights that a node now computes under another name: a caller would have
to give them, and nothing would read them. onnx_ir's pass of this name keeps those.
"""

import onnx_ir as ir


def apply(model: ir.Model) -> None:
    """Keep as inputs only what some node reads and the file does not hold."""
    graph = model.graph
    kept = [value for value in graph.inputs if value.name not in graph.initializers and value.uses()]
    graph.inputs.clear()
    graph.inputs.extend(kept)
    model.ir_version = max(model.ir_version, 4)  # before it, a file has to list its weights
