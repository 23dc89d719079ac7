"""The residual networks: names, counts and shapes; a training step; what is left to chance in it."""

import random
from collections.abc import Iterator
from typing import Any

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from sface.models import NetworkConfig, build_network
from sface.models.iresnet import IRESNETS, IResNet
from sface.models.network_config import NETWORKS
from sface.models.networks import init_weights, parameters, seed_dropout, state

pytestmark = pytest.mark.jittor

COUNTS = {
    ("IR_50", 112): 43_574_976,
    ("IR_101", 112): 65_129_792,
    ("IR_152", 112): 70_737_600,
    ("IR_SE_50", 112): 43_797_696,
    ("IR_SE_101", 112): 65_502_016,
    ("IR_SE_152", 112): 71_148_736,
    ("IR_50", 224): 82_110_144,
}
UNITS = {"50": (3, 4, 14, 3), "101": (3, 13, 30, 3), "152": (3, 8, 36, 3)}


def batchnorm(path: str) -> Iterator[str]:
    return (f"{path}.{name}" for name in ("weight", "bias", "running_mean", "running_var"))


def published_names(network: str) -> set[str]:
    """Names of a network's state dict, from the description of the published networks."""
    names = {"input_layer.0.weight", "input_layer.2.weight", *batchnorm("input_layer.1")}
    unit = 0
    for stage, count in enumerate(UNITS[network.rpartition("_")[2]]):
        for index in range(count):
            path = f"body.{unit}"
            names |= {f"{path}.res_layer.{number}.weight" for number in (1, 2, 3)}
            names |= {*batchnorm(f"{path}.res_layer.0"), *batchnorm(f"{path}.res_layer.4")}
            if "SE" in network:
                names |= {f"{path}.res_layer.5.fc1.weight", f"{path}.res_layer.5.fc2.weight"}
            if stage > 0 and index == 0:
                names |= {f"{path}.shortcut_layer.0.weight", *batchnorm(f"{path}.shortcut_layer.1")}
            unit += 1
    linear = {"output_layer.3.weight", "output_layer.3.bias"}
    return names | linear | {*batchnorm("output_layer.0"), *batchnorm("output_layer.4")}


@pytest.mark.parametrize(("name", "input_size"), COUNTS)
def test_names_and_counts_are_the_published(name: str, input_size: int) -> None:
    module = IRESNETS[name](NetworkConfig(name, input_size=input_size))
    assert sum(int(var.numel()) for var in parameters(module).values()) == COUNTS[name, input_size]
    assert set(state(module)) == published_names(name)


def test_no_network_is_forgotten() -> None:
    assert {*IRESNETS, "MobileFaceNet"} == set(NETWORKS)


def test_the_first_unit_of_a_stage_and_the_embedding() -> None:
    module = IResNet(NetworkConfig("IR_SE_50", embedding_size=32), units=(1, 1, 1, 1), squeeze=True)
    shapes = {name: tuple(var.shape) for name, var in state(module).items()}
    assert shapes["body.1.res_layer.1.weight"] == (128, 64, 3, 3)
    assert shapes["body.1.res_layer.2.weight"] == (128,)
    assert shapes["body.1.res_layer.5.fc1.weight"] == (8, 128, 1, 1)
    assert shapes["body.1.shortcut_layer.0.weight"] == (128, 64, 1, 1)
    assert shapes["output_layer.3.weight"] == (32, 512 * 7 * 7)
    assert shapes["output_layer.4.running_var"] == (32,)


def test_initial_weights() -> None:
    weights = state(build_network(NetworkConfig("IR_SE_50", embedding_size=64), seed=4))
    for name, fan_out in {
        "body.0.res_layer.1.weight": 64 * 9,
        "body.23.res_layer.5.fc2.weight": 512,
        "output_layer.3.weight": 64,
    }.items():
        assert weights[name].numpy().std() == pytest.approx(2 * np.sqrt(2 / fan_out), rel=0.02)
    assert (weights["input_layer.2.weight"].numpy() == 1).all()
    assert (weights["body.5.res_layer.2.weight"].numpy() == 1).all()
    assert (weights["output_layer.3.bias"].numpy() == 0).all()


@pytest.mark.parametrize("input_size", [112, 224])
def test_shapes(input_size: int) -> None:
    config = NetworkConfig("IR_50", embedding_size=32, input_size=input_size)
    module = IResNet(config, units=(1, 1, 1, 1))
    module.eval()
    images = jt.array(np.zeros((2, 3, input_size, input_size), dtype=np.float32))
    assert tuple(module(images).shape) == (2, 32)


def test_a_training_step() -> None:
    """Everything that is trained has a gradient; dropout is at work, and the same for the same seed and step."""
    module = IResNet(NetworkConfig("IR_SE_50", embedding_size=32), units=(1, 1, 1, 1), squeeze=True)
    init_weights(module, 1)
    module.train()
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 112, 112)).astype(np.float32)
    before = {name: var.numpy() for name, var in state(module).items()}
    outputs: list[Any] = []
    for step in (0, 0, 1):
        seed_dropout(7, step, 0)
        outputs.append(module(jt.array(images)))
    values = [output.numpy() for output in outputs]
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])

    target = jt.array(np.random.default_rng(1).standard_normal((2, 32)).astype(np.float32))
    optimizer = nn.SGD(list(parameters(module).values()), lr=0.1)
    optimizer.step(((outputs[0] - target) ** 2).mean())
    after = {name: var.numpy() for name, var in state(module).items()}
    assert all(np.isfinite(value).all() for value in after.values())
    # A bias before a BatchNorm moves nothing but by rounding.
    same = [name for name in after if np.array_equal(before[name], after[name]) and name != "output_layer.3.bias"]
    assert same == []


def test_chance_is_a_function_of_seed_step_and_rank() -> None:
    module = IResNet(NetworkConfig("IR_50", embedding_size=8), units=(1, 1, 1, 1))
    module.train()
    dropout = module.output_layer[1]
    ones = jt.ones((4, 512, 7, 7))

    def mask(seed: int, step: int, rank: int) -> Any:
        seed_dropout(seed, step, rank)
        return dropout(ones).numpy() > 0

    first = mask(1337, 5, 0)
    assert first.mean() == pytest.approx(0.5, abs=0.01)
    others = [mask(1337, 6, 0), mask(1338, 5, 0), mask(1337, 5, 1), mask(1337, 10, 0)]
    # Half of the places agree by chance alone.
    assert [(other == first).mean() for other in others] == pytest.approx([0.5] * 4, abs=0.01)
    assert np.array_equal(mask(1337, 5, 0), first)


def test_other_generators_are_left_alone() -> None:
    python, numpy = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    seed_dropout(1, 2, 3)
    assert random.getstate() == python
    assert np.random.get_state()[1].tolist() == numpy  # type: ignore[index]  # noqa: NPY002
