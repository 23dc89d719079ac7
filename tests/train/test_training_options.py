"""What each option does to a run. Those of verification: test_network_verification.py; how a run ends: test_loop.py."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from sface.cli.dispatch import main
from sface.errors import CheckpointError, UsageError
from sface.models.network_config import NetworkConfig
from sface.models.networks import state
from sface.train.config import AugmentConfig, HeadConfig, Resources
from sface.train.loading import loader
from sface.train.loading.batches import BatchMaker
from sface.train.loading.loader_workers import LoaderWorkers
from sface.train.optimizer import is_sharded
from sface.train.reporting.run_log import read_log
from sface.train.step import build_state, load_first_weights
from tests.conftest import PEOPLE
from tests.models.weights.weight_files import TorchFiles

from .runs import CONFIG, FLAGS, run, same_weights

pytestmark = pytest.mark.jittor

Arrays = dict[str, np.ndarray]
# Steps so small that the weights stay where they were.
STANDING = replace(CONFIG, lr=1e-12, max_steps=1)


def weights(checkpoint: Path) -> Arrays:
    return dict(load_file(checkpoint / "model.safetensors"))


def head(checkpoint: Path) -> np.ndarray:
    return load_file(checkpoint / "head-0.safetensors")["weight"]


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"lr": 0.03},
        {"batch_size": 6},
        {"accumulate": 2},
        {"head": HeadConfig("ArcFace")},
        {"head": HeadConfig("CosFace")},
        {"head": HeadConfig("Softmax")},
        {"head": HeadConfig(s=32.0)},
        {"head": HeadConfig(k=1.0)},
        {"head": HeadConfig(a=2.0)},
        {"head": HeadConfig(b=1.6)},
        {"network": NetworkConfig("MobileFaceNet", embedding_size=32, input_scale=0.0078125)},
        {"augment": AugmentConfig(crop=1.0)},
        {"augment": AugmentConfig(lowres=1.0)},
        {"augment": AugmentConfig(color=1.0)},
        {"stages": (0,)},
        {"schedule": "cosine", "epochs": 1},
        {"schedule": "polynomial", "epochs": 1},
        {"warmup_epochs": 1.0},
        {"clip_norm": 0.1},
        {"momentum": 0.0},
        {"weight_decay": 0.0},
    ],
    ids=" ".join,
)
def test_an_option_changes_the_weights(changed: dict[str, Any], tmp_path: Path, drawn_set: Path, plain: Path) -> None:
    assert not same_weights(run(replace(CONFIG, **changed), drawn_set, tmp_path / "out").checkpoint, plain)


def test_the_same_options_give_the_same_weights(tmp_path: Path, drawn_set: Path, plain: Path) -> None:
    assert same_weights(run(CONFIG, drawn_set, tmp_path / "out").checkpoint, plain)


@pytest.mark.parametrize("name", ["ArcFace", "CosFace"])
def test_the_margin_is_of_these_heads(name: str, tmp_path: Path, drawn_set: Path) -> None:
    one, other = (
        run(replace(CONFIG, head=HeadConfig(name, margin=margin)), drawn_set, tmp_path / str(margin)).checkpoint
        for margin in (0.1, 0.4)
    )
    assert not same_weights(one, other)


def test_the_network() -> None:
    config = replace(CONFIG, network=NetworkConfig("IR_50", embedding_size=8))
    assert "body.23.res_layer.0.weight" in state(build_state(config, PEOPLE).backbone)


def test_embedding_size(tmp_path: Path, drawn_set: Path) -> None:
    config = replace(CONFIG, network=NetworkConfig("MobileFaceNet", embedding_size=48), max_steps=1)
    checkpoint = run(config, drawn_set, tmp_path / "out").checkpoint
    assert weights(checkpoint)["pre_fc1.weight"].shape == (48, 512)
    assert head(checkpoint).shape == (PEOPLE, 48)


def test_a_head_that_is_shared_out(tmp_path: Path, drawn_set: Path, plain: Path) -> None:
    """Over one process it is the whole head."""
    config = replace(CONFIG, head=replace(CONFIG.head, sharded=True))
    assert [is_sharded(build_state(each, PEOPLE).head) for each in (CONFIG, config)] == [False, True]
    checkpoint = run(config, drawn_set, tmp_path / "out").checkpoint
    for name, expected in (weights(plain) | {"head": head(plain)}).items():
        found = head(checkpoint) if name == "head" else weights(checkpoint)[name]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * float(np.abs(expected).max()), err_msg=name)


@pytest.mark.parametrize(
    ("changed", "rates"),
    [
        ({"schedule": "cosine", "epochs": 1}, [0.02 * (1 + np.cos(np.pi * step / 6)) / 2 for step in range(3)]),
        ({"schedule": "polynomial", "epochs": 1}, [0.02 * (1 - step / 6) ** 2 for step in range(3)]),
        ({"warmup_epochs": 0.5}, [0.02 / 3, 0.04 / 3, 0.02]),
    ],
)
def test_rates_are_those_of_the_schedule(
    changed: dict[str, Any], rates: list[float], tmp_path: Path, drawn_set: Path
) -> None:
    """Six batches are an epoch. Each checkpoint's step is logged."""
    run(replace(CONFIG, max_steps=3, save_every=1, **changed), drawn_set, tmp_path / "out")
    assert [record["lr"] for record in read_log(tmp_path / "out")] == pytest.approx(rates)


def test_a_batch_must_be_cut_evenly(tmp_path: Path, drawn_set: Path) -> None:
    with pytest.raises(UsageError, match=r"^accumulate 3: can't cut a process's 8 images of a batch evenly"):
        run(replace(CONFIG, accumulate=3), drawn_set, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_processes_that_decode_change_nothing(
    tmp_path: Path, drawn_set: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def start(maker: BatchMaker, number: int) -> LoaderWorkers:
        started.append(number)
        return LoaderWorkers(maker, number)

    monkeypatch.setattr(loader, "LoaderWorkers", start)
    assert same_weights(run(CONFIG, drawn_set, tmp_path / "out", num_workers=2).checkpoint, plain)
    assert started == [2]


def test_a_repeated_run_has_the_same_bits(
    tmp_path: Path, drawn_set: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder, with a training set that was named by a relative path."""
    monkeypatch.chdir(drawn_set.parent)
    flags = ["--data_root", drawn_set.name, "--max_steps", 2, "--num_workers", 0, "--seed", 5, "--augment_color", 1]
    assert main(["train", "--outdir", str(tmp_path / "first"), *map(str, [*FLAGS, *flags])]) == 0
    os.chdir(tmp_path)
    assert main(["train", "--outdir", "again", "--config", "first/config.json"]) == 0
    last = "step-00000002"
    assert same_weights(tmp_path / "first" / last, tmp_path / "again" / last)
    assert not same_weights(tmp_path / "again" / last, plain)
    config = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("first", "again")]
    assert config[0] == config[1]


def test_a_run_goes_on_for_longer(tmp_path: Path, drawn_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the flags that say so and nothing else."""
    outdir = tmp_path / "out"
    run(CONFIG, drawn_set, outdir)
    assert main(["train", "--outdir", str(outdir), "--resume", "--max_steps", "3", "--save_every", "1"]) == 0
    assert (outdir / "step-00000003").is_dir()
    assert json.loads((outdir / "config.json").read_text())["training"]["max_steps"] == 3


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, plain: Path) -> dict[str, Path]:
    """Weights of `plain` as the published code wrote them, of its network and of its head."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        files = TorchFiles(patch)
        files.zip(folder / "net.pth", {f"module.{name}": array for name, array in weights(plain).items()})
        files.old(folder / "head.pth", {"weight": head(plain)})
    return {"net": folder / "net.pth", "head": folder / "head.pth"}


@pytest.mark.parametrize("kind", ["run", "checkpoint", "file"])
def test_first_weights(kind: str, tmp_path: Path, drawn_set: Path, plain: Path, published: dict[str, Path]) -> None:
    """Of another seed, a run begins where `plain` has ended, with the network alone and with the head alone."""
    config = replace(STANDING, seed=7)
    net, its_head = {
        "run": (plain.parent, plain.parent),
        "checkpoint": (plain, plain),
        "file": (published["net"], published["head"]),
    }[kind]
    for option, path in (("resume_backbone", net), ("resume_head", its_head)):
        first: dict[str, Any] = {option: str(path)}
        checkpoint = run(config, drawn_set, tmp_path / option, **first).checkpoint
        found = weights(checkpoint)
        differences = [
            np.abs(found[name] - array).max() for name, array in weights(plain).items() if "running" not in name
        ]
        head_difference = np.abs(head(checkpoint) - head(plain)).max()
        if option == "resume_backbone":
            assert max(differences) < 1e-6 < 0.1 < head_difference
        else:
            assert head_difference < 1e-6 < 0.1 < max(differences)


@pytest.mark.parametrize("kind", ["checkpoint", "file"])
def test_the_first_statistics_are_there_too(kind: str, plain: Path, published: dict[str, Path]) -> None:
    built = build_state(replace(CONFIG, seed=7), PEOPLE)
    path = plain if kind == "checkpoint" else published["net"]
    load_first_weights(built, CONFIG, Resources("faces", resume_backbone=str(path)))
    found = {name: var.numpy() for name, var in state(built.backbone).items()}
    assert all(np.array_equal(found[name], array) for name, array in weights(plain).items())
    assert any("running_var" in name for name in found)


@pytest.mark.parametrize("option", ["resume_backbone", "resume_head"])
def test_first_weights_that_do_not_fit(
    option: str, tmp_path: Path, drawn_set: Path, run_folder: Path, published: dict[str, Path]
) -> None:
    """Of 64 numbers; of the other part; not there. Nothing is left but what was there."""
    other = published["head" if option == "resume_backbone" else "net"]
    for path, words in ((run_folder, "holds another network"), (other, str(other)), (tmp_path / "none", "none")):
        first: dict[str, Any] = {option: str(path)}
        with pytest.raises(CheckpointError, match=words):
            run(CONFIG, drawn_set, tmp_path / "out", **first)
        assert not (tmp_path / "out").exists()


def test_a_head_of_other_people(tmp_path: Path, drawn_set: Path, published: dict[str, Path]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        TorchFiles(patch).zip(tmp_path / "head.pth", {"weight": np.ones((PEOPLE + 1, 32), np.float32)})
    with pytest.raises(CheckpointError, match=r"head\.pth: is no head of 6 classes"):
        run(CONFIG, drawn_set, tmp_path / "out", resume_head=str(tmp_path / "head.pth"))
