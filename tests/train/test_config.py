"""A run as a value."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.models.network_config import NetworkConfig
from sface.train.config import AugmentConfig, HeadConfig, Resources, TrainConfig

CONFIG = TrainConfig(
    network=NetworkConfig("MobileFaceNet", embedding_size=64),
    head=HeadConfig(a=0.9),
    augment=AugmentConfig(color=0.2),
    stages=(1, 2),
    max_steps=5,
    clip_norm=3.0,
)
RESOURCES = Resources("faces", eval_root="sets", target=("lfw", "mine"), resume_head="head.pth", num_workers=2)


def test_through_json_and_back() -> None:
    assert TrainConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG
    for resources in (RESOURCES, Resources("faces"), Resources("faces", target=())):
        assert Resources.from_dict(json.loads(json.dumps(resources.to_dict()))) == resources


def test_the_published_recipe_is_the_default() -> None:
    config = TrainConfig()
    assert (config.batch_size, config.lr, config.momentum, config.weight_decay) == (256, 0.1, 0.9, 5e-4)
    assert (config.epochs, config.stages, config.seed) == (125, (35, 65, 95), 1337)
    assert (config.head.s, config.head.k, config.head.a, config.head.b) == (64, 80, 0.87, 1.20)
    assert config.network == NetworkConfig("IR_50", embedding_size=512, input_size=112, input_scale=0.078125)
    assert (config.eval_every, config.save_every) == (2000, 2000)


def test_what_was_not_published_is_off_by_default() -> None:
    config = TrainConfig()
    assert (config.schedule, config.warmup_epochs, config.clip_norm, config.accumulate) == ("stages", 0, None, 1)
    assert (config.augment.crop, config.augment.lowres, config.augment.color) == (0, 0, 0)
    assert not config.head.sharded


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_size": 0},
        {"accumulate": 0},
        {"epochs": 0},
        {"save_every": 0},
        {"keep": 0},
        {"eval_every": 0},
        {"max_steps": 0},
        {"lr": 0.0},
        {"lr": math.nan},
        {"schedule": "steps"},
        {"warmup_epochs": -1.0},
        {"warmup_epochs": math.nan},
        {"clip_norm": 0.0},
        {"clip_norm": math.inf},
        {"seed": -1},
        {"seed": 2**32},
        {"stages": (3, 1)},
        {"stages": (3, 3)},
        {"stages": (-1,)},
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any]) -> None:
    (name,) = fields
    with pytest.raises(UsageError, match=f"^{name} ") as caught:
        TrainConfig(**fields)
    assert caught.value.argument == name


@pytest.mark.parametrize("fields", [{"momentum": 1.0}, {"momentum": math.nan}, {"weight_decay": -1e-4}])
def test_an_optimiser_that_diverges(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="momentum"):
        TrainConfig(**fields)


@pytest.mark.parametrize("name", ["s", "k", "a", "b"])
def test_a_loss_with_what_is_no_number(name: str) -> None:
    fields: dict[str, Any] = {name: math.nan}
    with pytest.raises(UsageError, match=f"^{name} nan: ") as caught:
        HeadConfig(**fields)
    assert caught.value.argument == name


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "sface"}, "head sface"),
        ({"s": 0.0}, "s 0.0"),
        ({"k": -1.0}, "k -1.0"),
        ({"margin": -0.1}, "margin"),
        ({"margin": 1.6}, "margin"),
        ({"margin": math.nan}, "margin"),
        ({"name": "ArcFace", "sharded": True}, "sharded with head ArcFace"),
    ],
)
def test_a_head_that_can_not_be(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}") as caught:
        HeadConfig(**fields)
    assert caught.value.argument == named.split()[0]


@pytest.mark.parametrize("name", ["crop", "lowres", "color"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_what_is_no_probability(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"^{name} "):
        AugmentConfig(**{name: value})


@pytest.mark.parametrize(
    "fields", [{"name": "ResNet_50"}, {"embedding_size": 0}, {"input_size": 100}, {"input_scale": 0.0}]
)
def test_a_network_that_can_not_be(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        NetworkConfig(**{"name": "MobileFaceNet", **fields})


def test_paths_are_kept_as_text() -> None:
    resources = Resources(Path("faces"), eval_root=Path("sets"), resume_head="head.pth")
    assert resources == Resources("faces", eval_root="sets", resume_head="head.pth")
