"""How each kind of Jittor layer is written as ONNX nodes: one file for each kind.

A rule is a function `rule(graph, layer, x) -> Symbol` that adds nodes to `graph` (see export/trace.py).
"""

from collections.abc import Callable
from typing import Any

from jittor import nn

from ..trace import Graph, Symbol
from .activation import prelu, relu, sigmoid
from .convolution import convolution
from .linear import linear
from .normalization import batch_normalization
from .pooling import adaptive_avg_pool, pool
from .shape import dropout, flatten

Rule = Callable[[Graph, Any, Symbol], Symbol]

LAYERS: dict[type, Rule] = {
    nn.AdaptiveAvgPool2d: adaptive_avg_pool,
    nn.BatchNorm: batch_normalization,
    nn.Conv: convolution,
    nn.Dropout: dropout,
    nn.Flatten: flatten,
    nn.Linear: linear,
    nn.PReLU: prelu,
    nn.Pool: pool,
    nn.ReLU: relu,
    nn.Sigmoid: sigmoid,
}
