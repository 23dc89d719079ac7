"""SGD: what is trained and what decays, against NumPy; gradients that are added up and bounded."""

from dataclasses import replace
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models.network_config import NetworkConfig
from sface.models.networks import build_network, parameters
from sface.train.config import HeadConfig, TrainConfig
from sface.train.heads.build import build_head
from sface.train.loading.loader import Batch
from sface.train.optimizer import SGD
from sface.train.save_and_restore import TrainState
from sface.train.step import train_step

pytestmark = pytest.mark.jittor

Array = npt.NDArray[Any]
INPUTS, OUTPUTS = 3, 2


def drawn(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


class Weighing(nn.Module):
    """One matrix and a BatchNorm. The gradient of its `loss` is whatever one likes."""

    def __init__(self, seed: int) -> None:
        self.weight = jt.array(drawn(seed, INPUTS, OUTPUTS))
        self.norm = nn.BatchNorm(OUTPUTS)

    def loss(self, weight: Array, norm: Array) -> Any:
        """Its gradients: `weight`, and `norm` for the BatchNorm's scale."""
        return (self.weight * jt.array(weight)).sum() + (self.norm.weight * jt.array(norm)).sum()


class Pair:
    """A backbone and a head with their optimiser, and the same in NumPy."""

    def __init__(self, momentum: float = 0.9, weight_decay: float = 0.1) -> None:
        self.backbone, self.head = Weighing(0), Weighing(1)
        self.optimizer = SGD(self.backbone, self.head, momentum=momentum, weight_decay=weight_decay)
        self.factor, self.decay = momentum, weight_decay
        self.expected = self.values()
        self.v = {name: np.zeros_like(value) for name, value in self.expected.items()}

    def values(self) -> dict[str, Array]:
        modules = {"backbone": self.backbone, "head": self.head}
        return {f"{part}.{name}": var.numpy() for part, m in modules.items() for name, var in parameters(m).items()}

    def backward(self, gradients: dict[str, Array]) -> None:
        parts = {"backbone": self.backbone, "head": self.head}
        losses = [m.loss(gradients[f"{part}.weight"], gradients[f"{part}.norm.weight"]) for part, m in parts.items()]
        self.optimizer.backward(losses[0] + losses[1])

    def step(self, gradients: dict[str, Array], rate: float) -> None:
        """The step in NumPy."""
        for name, value in self.expected.items():
            decay = 0 if ".norm." in name else self.decay
            self.v[name] = self.factor * self.v[name] + gradients.get(name, 0) + decay * value
            self.expected[name] = value - rate * self.v[name]

    def compare(self) -> None:
        for name, value in self.values().items():
            np.testing.assert_allclose(value, self.expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
            momentum = self.optimizer.momentum[name].numpy()
            np.testing.assert_allclose(momentum, self.v[name], rtol=1e-5, atol=1e-6, err_msg=name)


def gradients(seed: int) -> dict[str, Array]:
    generator = np.random.default_rng([2, seed])
    shapes = {"weight": (INPUTS, OUTPUTS), "norm.weight": (OUTPUTS,)}
    return {
        f"{part}.{name}": generator.normal(0, 1, shape).astype(np.float32)
        for part in ("backbone", "head")
        for name, shape in shapes.items()
    }


def length(of: dict[str, Array]) -> float:
    return float(np.sqrt(sum((array.astype(np.float64) ** 2).sum() for array in of.values())))


@pytest.mark.parametrize("net", ["MobileFaceNet", "IR_SE_50"])
def test_everything_is_trained_and_all_but_batchnorm_decays(net: str) -> None:
    backbone = build_network(NetworkConfig(net, embedding_size=16))
    head = build_head(HeadConfig(), 5, 16, 0)
    decays = SGD(backbone, head, momentum=0.9, weight_decay=5e-4).decays()
    assert sorted(decays) == sorted(["head.weight", *(f"backbone.{name}" for name in parameters(backbone))])

    named = dict(backbone.named_modules())
    batchnorms = [name for name, module in named.items() if isinstance(module, nn.BatchNorm)]
    undecayed = {f"backbone.{name}.{var}" for name in batchnorms for var in ("weight", "bias")}
    assert len(undecayed) == 2 * len(batchnorms) > 80
    assert {name for name, decay in decays.items() if decay == 0} == undecayed
    assert {decay for name, decay in decays.items() if name not in undecayed} == {5e-4}


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.1), (0.0, 0.1), (0.9, 0.0)])
def test_steps_are_those_of_numpy(momentum: float, weight_decay: float) -> None:
    pair = Pair(momentum, weight_decay)
    for number, rate in enumerate((0.1, 0.1, 0.01)):
        pair.backward(gradients(number))
        pair.optimizer.step(rate)
        pair.step(gradients(number), rate)
    pair.compare()


def test_gradients_are_added_until_a_step_uses_them() -> None:
    pair = Pair()
    for numbers in ((0, 1, 2), (3,)):
        for number in numbers:
            pair.backward(gradients(number))
        pair.optimizer.step(0.1)
        pair.step({name: sum(gradients(number)[name] for number in numbers) for name in gradients(0)}, 0.1)  # type: ignore[misc]
    pair.compare()


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_a_bound_of_the_length_of_all_gradients(share: float) -> None:
    """They are shortened together, their decay is not; where they are shorter than the bound nothing happens."""
    pair = Pair()
    given = gradients(0)
    pair.backward(given)
    pair.optimizer.step(0.1, clip_norm=share * length(given))
    pair.step({name: gradient * min(1.0, share) for name, gradient in given.items()}, 0.1)
    pair.compare()


def test_the_bound_is_of_the_sum_of_the_parts() -> None:
    pair = Pair()
    whole = {name: gradients(0)[name] + gradients(1)[name] for name in gradients(0)}
    for number in (0, 1):
        pair.backward(gradients(number))
    pair.optimizer.step(0.1, clip_norm=0.5 * length(whole))
    pair.step({name: gradient * 0.5 for name, gradient in whole.items()}, 0.1)
    pair.compare()


class Flat(nn.Module):
    """Pixels times a matrix: a network without BatchNorm."""

    def __init__(self) -> None:
        self.weight = jt.array(drawn(3, 4 * 4 * 3, 8))

    def execute(self, pixels: Any) -> Any:
        return nn.matmul(pixels.reshape(pixels.shape[0], -1) / 255, self.weight)


def trained(accumulate: int, steps: int = 2) -> tuple[list[Array], Array]:
    """Weights after some steps, and what the last of them shows."""
    backbone, head = Flat(), build_head(HeadConfig(a=1.2, b=1.5), 5, 8, 0)
    state = TrainState(backbone, head, SGD(backbone, head, momentum=0.9, weight_decay=5e-4))
    config = replace(TrainConfig(), batch_size=8, accumulate=accumulate)
    generator = np.random.default_rng(4)
    for step in range(steps):
        images = generator.integers(0, 256, (8, 4, 4, 3)).astype(np.uint8)
        labels = generator.integers(0, 5, 8).astype(np.int32)
        shown = train_step(state, Batch(images, labels, 0), config, step, rate=0.1)
    return [backbone.weight.numpy(), head.weight.numpy()], shown.numpy()


@pytest.mark.parametrize("accumulate", [2, 4])
def test_a_batch_in_parts_is_the_same_step(accumulate: int) -> None:
    whole, shown = trained(1)
    parts, shown_in_parts = trained(accumulate)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(np.abs(a).max()))
    np.testing.assert_allclose(shown, shown_in_parts, rtol=1e-3, atol=1e-3)
    assert np.abs(whole[0] - drawn(3, 4 * 4 * 3, 8)).max() > 0.05  # they were steps


def test_each_part_is_worked_through_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = Flat.execute

    def execute(self: Flat, pixels: Any) -> Any:
        seen.append(pixels.shape[0])
        return original(self, pixels)

    monkeypatch.setattr(Flat, "execute", execute)
    trained(4, steps=1)
    assert seen == [2, 2, 2, 2]
