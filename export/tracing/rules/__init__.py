"""How Jittor's layers and functions are written as ONNX nodes: one file for each kind.

A rule adds nodes to the graph (export/tracing/symbolic_graph.py) and gives the result: `rule(graph, layer, *inputs)`
for a kind of layer, `rule(graph, *arguments)` for a function or a method of Var, which share their names.
"""

from typing import Any

from jittor import nn

from ..symbolic_graph import Graph, Rule
from . import activation, arithmetic, convolution, linear, normalization, pooling, reduction, resize, shape

OPERATIONS: dict[str, Rule] = {
    **arithmetic.OPERATIONS,
    **activation.OPERATIONS,
    **convolution.OPERATIONS,
    **linear.OPERATIONS,
    **reduction.OPERATIONS,
    **resize.OPERATIONS,
    **shape.OPERATIONS,
}


def _function(name: str) -> Rule:
    """The rule of a layer that Jittor makes out of a function and keeps the function's other arguments."""

    def rule(graph: Graph, layer: Any, *inputs: Any) -> Any:
        return graph.call(name, *inputs, *layer.args, **layer.kw)

    return rule


LAYERS: dict[type, Rule] = {
    nn.AdaptiveAvgPool2d: pooling.adaptive_avg_pool,
    nn.AdaptiveMaxPool2d: pooling.adaptive_max_pool,
    nn.BatchNorm: normalization.batch_normalization,
    nn.ConstantPad2d: resize.pad_layer("constant"),
    nn.Conv: convolution.convolution,
    nn.Conv1d: convolution.convolution,
    nn.Conv3d: convolution.convolution,
    nn.ConvTranspose: convolution.transposed,
    nn.ConvTranspose3d: convolution.transposed,
    nn.DropPath: shape.dropout,
    nn.Dropout: shape.dropout,
    nn.Dropout2d: shape.dropout,
    nn.Embedding: linear.embedding,
    nn.Flatten: shape.flatten,
    nn.GroupNorm: normalization.group_normalization,
    nn.Identity: shape.dropout,
    nn.InstanceNorm: normalization.instance_normalization,
    nn.LayerNorm: normalization.layer_normalization,
    nn.LeakyReLU: _function("leaky_relu"),
    nn.Linear: linear.linear,
    nn.PReLU: activation.prelu,
    nn.PixelShuffle: resize.pixel_shuffle,
    nn.Pool: pooling.pool,
    nn.ReLU: _function("relu"),
    nn.ReLU6: _function("relu6"),
    nn.ReflectionPad2d: resize.pad_layer("reflect"),
    nn.ReplicationPad2d: resize.pad_layer("replicate"),
    nn.Resize: resize.resize_layer,
    nn.Softmax: _function("softmax"),
    nn.Upsample: resize.upsample_layer,
    nn.UpsamplingBilinear2d: resize.upsample_layer,
    nn.UpsamplingNearest2d: resize.upsample_layer,
    nn.ZeroPad2d: resize.pad_layer("constant"),
}
