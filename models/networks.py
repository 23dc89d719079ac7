"""Config → Jittor module with first weights; which Vars of a module are trained, and which are statistics."""

import math
from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
from jittor import nn

from .iresnet import IRESNETS
from .mobilefacenet import MobileFaceNet
from .network_config import NetworkConfig

_CLASSES: dict[str, Callable[[NetworkConfig], nn.Module]] = {"MobileFaceNet": MobileFaceNet, **IRESNETS}


def build_network(config: NetworkConfig, seed: int = 1337) -> nn.Module:
    """Build the network of `config`: float32 (N, 3, S, S) RGB 0..255 → raw embedding float32 (N, D).

    Weights of convolutions and linear layers are initialised from a normal distribution with standard deviation
    2 * sqrt(2 / fan_out), the published code's; slopes of PReLU are 1, biases 0. They are a function of `seed` alone.
    """
    module = bare_network(config)
    init_weights(module, seed)
    return module


def bare_network(config: NetworkConfig) -> nn.Module:
    """The network of `config`, for those who bring its weights: none is initialised."""
    return _CLASSES[config.name](config)


def init_weights(module: nn.Module, seed: int) -> None:
    """Initialise the weights of convolutions and linear layers, and set their biases to 0, as `build_network` does."""
    generator = np.random.default_rng(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Conv | nn.Linear):
            layer.weight.assign(jt.array(init_weight(generator, tuple(layer.weight.shape))))
            if layer.bias is not None:
                layer.bias.assign(jt.zeros(layer.bias.shape))


def init_weight(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """float32 weights of `shape`, (out, in, ...): normal, standard deviation 2 * sqrt(2 / fan_out)."""
    fan_out = shape[0] * math.prod(shape[2:])
    deviation = 2 * math.sqrt(2 / fan_out)
    return generator.standard_normal(shape, dtype=np.float32) * np.float32(deviation)


def state(module: nn.Module) -> dict[str, Any]:
    """Name → Var of all that a module's output depends on: parameters and running statistics."""
    return dict(module.named_parameters())


def parameters(module: nn.Module) -> dict[str, Any]:
    """Name → Var of what is trained. Jittor's own `parameters()` also gives the running statistics."""
    return {name: var for name, var in state(module).items() if not name.endswith(("running_mean", "running_var"))}


def pixels(images: npt.NDArray[np.uint8]) -> Any:
    """Crops (N, S, S, 3), RGB, as what a network takes: float32 (N, 3, S, S), 0..255."""
    count, height, width, channels = images.shape
    # Not `permute`: without cuTT, which would be a download, Jittor does that on the CPU, also with CUDA.
    shape = (count, channels, height, width)
    return jt.array(images).reindex(shape, ["i0", "i2", "i3", "i1"]).float32()


def seed_dropout(seed: int, step: int, rank: int) -> None:
    """Seed the dropout of a training step: a function of the three alone, different for each rank.

    To be called before the forward pass of each step. NumPy's and Python's own generators are left alone.
    """
    # Jittor takes its random numbers when it computes: what needs earlier ones is computed first. On a GPU nothing
    # waits for that.
    jt.sync_all()
    # A hash, since Jittor's generator on the CPU is a linear one: neighbouring seeds would give sequences alike.
    (hashed,) = np.random.SeedSequence([seed, step, rank]).generate_state(1)
    jt.set_seed(int(hashed >> 1))  # it takes 31 bits
