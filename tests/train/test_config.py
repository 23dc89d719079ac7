"""A run as a value."""

import json
import math
from typing import Any

import pytest

from sface.errors import UsageError
from sface.models.config import NetworkConfig
from sface.train.config import HeadConfig, TrainConfig


def test_through_json_and_back() -> None:
    config = TrainConfig(
        network=NetworkConfig("MobileFaceNet", embedding_size=64), head=HeadConfig(a=0.9), stages=(1, 2), max_steps=5
    )
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_published_recipe_is_the_default() -> None:
    config = TrainConfig()
    assert (config.batch_size, config.lr, config.momentum, config.weight_decay) == (256, 0.1, 0.9, 5e-4)
    assert (config.epochs, config.stages, config.seed) == (125, (35, 65, 95), 1337)
    assert (config.head.s, config.head.k, config.head.a, config.head.b) == (64, 80, 0.87, 1.20)


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_size": 0},
        {"epochs": 0},
        {"save_every": 0},
        {"max_steps": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"seed": -1},
        {"stages": (3, 1)},
        {"stages": (-1,)},
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(fields))):
        TrainConfig(**fields)


@pytest.mark.parametrize("name", ["s", "k", "a", "b"])
def test_a_loss_with_what_is_no_number(name: str) -> None:
    fields: dict[str, Any] = {name: math.nan}
    with pytest.raises(UsageError, match=f"--param_{name}"):
        HeadConfig(**fields)


@pytest.mark.parametrize(
    "fields", [{"name": "ResNet_50"}, {"embedding_size": 0}, {"input_size": 100}, {"input_scale": 0.0}]
)
def test_a_network_that_can_not_be(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        NetworkConfig(**{"name": "MobileFaceNet", **fields})
