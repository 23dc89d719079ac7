"""SGD with momentum over the network and its head, on one process or many.

For a parameter p with gradient g:  v ← momentum v + g + decay p,  p ← p - rate v  (no decay on BatchNorm).

Gradients are averaged over the processes, save that of a head that is shared out among them: each holds its own rows,
and their gradient is whole already.
"""

from collections.abc import Mapping
from typing import Any

import jittor as jt
from jittor import nn

from ..models.networks import parameters
from ..runtime.mpi_environment import world_size


class SGD:
    """The optimiser of a backbone and a head.

    momentum: name → the buffer v of everything that is trained; "backbone." and "head." stand before a module's names.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, *, momentum: float, weight_decay: float) -> None:
        modules = {"backbone": backbone, "head": head}
        self._trained = {f"{part}.{name}": var for part, m in modules.items() for name, var in parameters(m).items()}
        undecayed = {id(var) for module in modules.values() for var in _batchnorm_parameters(module)}
        self._decay = {name: 0.0 if id(var) in undecayed else weight_decay for name, var in self._trained.items()}
        # Each process has these for itself alone.
        self._own = {name for name in self._trained if name.startswith("head.")} if is_sharded(head) else set()
        self._factor = momentum
        self.momentum = {name: jt.zeros(var.shape, var.dtype).stop_grad() for name, var in self._trained.items()}
        self._gradients: dict[str, Any] = {}

    def decays(self) -> Mapping[str, float]:
        """Name → weight decay of everything that is trained."""
        return self._decay

    def backward(self, loss: Any) -> None:
        """Add the gradients of `loss` to what the next `step` uses."""
        gradients = jt.grad(loss, list(self._trained.values()))
        for name, gradient in zip(self._trained, gradients, strict=True):
            before = self._gradients.get(name)
            self._gradients[name] = (gradient if before is None else before + gradient).stop_grad()

    def step(self, rate: float, clip_norm: float | None = None) -> None:
        """Update everything that is trained with the gradients added since the last step.

        clip_norm: bound of the Euclidean length of all gradients of all processes together.
        """
        gradients, self._gradients = self._gradients, {}
        _average(gradients, leave_out=self._own)
        jt.flags.node_order = 1  # all processes run their collective operators in the order in which they stand here
        if clip_norm is not None:
            factor = (clip_norm / (self._length(gradients) + 1e-6)).minimum(1.0)
            gradients = {name: gradient * factor for name, gradient in gradients.items()}
        for name, var in self._trained.items():
            v = self.momentum[name]
            decay = self._decay[name]
            v.update(self._factor * v + (gradients[name] + decay * var if decay else gradients[name]))
            var.update(var - v * rate)
        jt.flags.node_order = 0

    def _length(self, gradients: Mapping[str, Any]) -> Any:
        def squares(names: list[str]) -> Any:
            return sum((gradients[name].sqr().sum() for name in names), jt.zeros(1))

        total = squares([name for name in gradients if name not in self._own])
        if self._own:
            own = squares(sorted(self._own))
            total = total + (own.mpi_all_reduce("add") if world_size() > 1 else own)
        return total.sqrt()


def is_sharded(head: nn.Module) -> bool:
    """Whether a head holds the rows of its own process alone: classes `first` .. `last` - 1 of `classes`."""
    return hasattr(head, "first")


def _average(gradients: dict[str, Any], leave_out: set[str]) -> None:
    """Average gradients over the processes, one after the other, in the same order everywhere."""
    if world_size() == 1:
        return
    share = 1 / world_size()
    before: list[Any] = []
    for name, gradient in gradients.items():
        if name not in leave_out:
            # The dependency keeps the order in which the processes meet; without it they wait for each other for ever.
            # Not "mean": Jittor would divide dozens of gradients in operators that take it minutes to write.
            summed = gradient.mpi_all_reduce("add")
            reduction = summed._input(0) if summed.is_stop_grad() else summed
            reduction._add_dependency(before)
            before = [reduction]
            gradients[name] = summed * share


def _batchnorm_parameters(module: nn.Module) -> list[Any]:
    layers = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm)]
    return [var for layer in layers for var in (layer.weight, layer.bias)]
