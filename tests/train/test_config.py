"""A run as a value, and as a file."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.models.network_config import NetworkConfig
from sface.train.config import AugmentConfig, HeadConfig, Resources, TrainConfig, read_run, write_run

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
    with pytest.raises(UsageError, match=f"^--{next(iter(fields))} "):
        TrainConfig(**fields)


@pytest.mark.parametrize("fields", [{"momentum": 1.0}, {"momentum": math.nan}, {"weight_decay": -1e-4}])
def test_an_optimiser_that_diverges(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="momentum"):
        TrainConfig(**fields)


@pytest.mark.parametrize("name", ["s", "k", "a", "b"])
def test_a_loss_with_what_is_no_number(name: str) -> None:
    fields: dict[str, Any] = {name: math.nan}
    with pytest.raises(UsageError, match=f"--param_{name}"):
        HeadConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "sface"}, "--head sface"),
        ({"s": 0.0}, "--param_s"),
        ({"k": -1.0}, "--param_k"),
        ({"margin": -0.1}, "--margin"),
        ({"margin": 1.6}, "--margin"),
        ({"margin": math.nan}, "--margin"),
        ({"name": "ArcFace", "sharded": True}, "--shard_head --head ArcFace"),
    ],
)
def test_a_head_that_can_not_be(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        HeadConfig(**fields)


@pytest.mark.parametrize("name", ["crop", "lowres", "color"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_what_is_no_probability(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--augment_{name} "):
        AugmentConfig(**{name: value})


@pytest.mark.parametrize(
    "fields", [{"name": "ResNet_50"}, {"embedding_size": 0}, {"input_size": 100}, {"input_scale": 0.0}]
)
def test_a_network_that_can_not_be(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        NetworkConfig(**{"name": "MobileFaceNet", **fields})


def test_a_run_as_a_file(tmp_path: Path) -> None:
    for config, resources in ((CONFIG, RESOURCES), (TrainConfig(), Resources("faces"))):
        write_run(tmp_path / "config.json", config, resources)
        assert read_run(tmp_path / "config.json") == (config, resources)


def test_a_whole_number_may_stand_for_a_real_one(tmp_path: Path) -> None:
    """As somebody writes it who changes the file."""
    path = changed_file(tmp_path, lambda fields: fields["training"].update(lr=1, clip_norm=2))
    assert read_run(path) == (replace(CONFIG, lr=1.0, clip_norm=2.0), RESOURCES)


def changed_file(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "config.json"
    write_run(path, CONFIG, RESOURCES)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    refused(tmp_path / "config.json", "can't be read (No such file or directory); name the config.json of a run")
    refused(tmp_path, "can't be read (Is a directory)")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"training": {}, "resources": {}}']
)
def test_a_file_of_something_else(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    refused(tmp_path / "config.json", "not the settings of a run, or damaged ones")


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    path = changed_file(tmp_path, lambda _: None)
    text = path.read_text()
    for length in range(0, len(text), 50):
        path.write_text(text[:length])
        refused(path, "not the settings of a run, or damaged ones")


@pytest.mark.parametrize("part", ["training", "resources"])
def test_fields_that_are_missing_or_unknown(part: str, tmp_path: Path) -> None:
    refused(changed_file(tmp_path, lambda fields: fields.pop(part)), part)
    refused(changed_file(tmp_path, lambda fields: fields[part].update(colour="red")), "colour")
    needed = "network" if part == "training" else "data_root"
    refused(changed_file(tmp_path, lambda fields: fields[part].pop(needed)), needed)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("training", "network", "IR_50"),
        ("training", "head", None),
        ("training", "augment", [1, 2, 3]),
        ("training", "lr", "0.1"),
        ("training", "lr", None),
        ("training", "clip_norm", True),
        ("training", "batch_size", 8.0),
        ("training", "epochs", True),
        ("training", "max_steps", "5"),
        ("training", "schedule", 5),
        ("training", "stages", 35),
        ("training", "stages", "35"),
        ("training", "stages", [1.5]),
        ("training", "seed", None),
        ("resources", "data_root", 5),
        ("resources", "data_root", None),
        ("resources", "eval_root", ["sets"]),
        ("resources", "target", "lfw"),
        ("resources", "target", [1]),
        ("resources", "workers_id", 0),
        ("resources", "num_workers", "2"),
    ],
)
def test_values_of_the_wrong_kind(part: str, name: str, value: Any, tmp_path: Path) -> None:
    refused(changed_file(tmp_path, lambda fields: fields[part].update({name: value})), "damaged")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("network", "embedding_size", 64.0),
        ("network", "name", 50),
        ("head", "a", "0.87"),
        ("head", "sharded", 1),
        ("augment", "crop", [0.1]),
    ],
)
def test_values_of_the_wrong_kind_further_in(part: str, name: str, value: Any, tmp_path: Path) -> None:
    refused(changed_file(tmp_path, lambda fields: fields["training"][part].update({name: value})), "damaged")


def test_values_that_can_not_be(tmp_path: Path) -> None:
    refused(changed_file(tmp_path, lambda fields: fields["training"].update(lr=-1.0)), "--lr -1.0: must be above 0")
