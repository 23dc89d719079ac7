"""A copy of a module with weights and statistics under which the input matters.

At their initialisation several networks give nearly the same output for any input; comparing two such functions proves
nothing. The copy has the same layers with other numbers: its export shows whether the layers were written right.
"""

import copy
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from ..tracing.trace import evaluating, listed


def with_random_weights(module: nn.Module, inputs: tuple[Any, ...], seed: int = 0) -> nn.Module:
    """A copy of `module`; `inputs`, arrays, are what its running statistics are measured on.

    Weights of two and more axes are normal with variance 2 / fan-in, so that the scale of activations stays; scales are
    drawn near 1, shifts near 0. In a BatchNorm they are drawn near 1: with half of what follows cut off by a ReLU, a
    hundred layers blow up the rounding of the first sixty times as much. Each BatchNorm then takes the statistics of
    its input, and some of its own.
    """
    other = copy.deepcopy(module)
    generator = np.random.default_rng(seed)
    normalizers = [layer for _, layer in other.named_modules() if hasattr(layer, "running_var")]
    shifts = {id(layer.bias) for layer in normalizers}
    statistics = {id(var) for layer in normalizers for var in (layer.running_mean, layer.running_var)}
    for name, var in other.named_parameters():
        shape = tuple(var.shape)
        if id(var) in statistics or not str(var.dtype).startswith("float"):
            continue
        if len(shape) > 1:
            values = generator.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith("bias"):
            values = generator.normal(1 if id(var) in shifts else 0, 0.1, shape)
        else:
            values = generator.uniform(0.5, 1.5, shape)
        var.assign(jt.array(values.astype(np.float32)))
    with evaluating(other), jt.no_grad():
        kept = [layer.momentum for layer in normalizers]
        for layer in normalizers:
            layer.is_train, layer.momentum = True, 1.0
        jt.sync(listed(other(*map(jt.array, inputs))))
        for layer, momentum in zip(normalizers, kept, strict=True):
            layer.momentum = momentum
            spread = np.sqrt(layer.running_var.numpy())
            mean = layer.running_mean.numpy() + generator.normal(0, 0.1, spread.shape) * spread
            variance = layer.running_var.numpy() * generator.uniform(0.7, 1.4, spread.shape) + 1e-6
            layer.running_mean.assign(jt.array(mean.astype(np.float32)))
            layer.running_var.assign(jt.array(variance.astype(np.float32)))
    return other
