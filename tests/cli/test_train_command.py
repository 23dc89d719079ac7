"""`sface train` from its words to the settings of a run, without training. What the settings do: tests/train."""

import argparse
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.cli.dispatch import main
from sface.cli.train import OPTIONS, _given, add_arguments
from sface.config_option import value_text
from sface.errors import CheckpointError, UsageError
from sface.models.network_config import NetworkConfig
from sface.models.weights.checkpoint import Checkpoint
from sface.output import with_option
from sface.train.config import AugmentConfig, HeadConfig, Resources, TrainConfig
from sface.train.network_verification import open_sets
from sface.train.run_settings import TRAINING, _loader_processes, settings_for
from sface.train.settings_file import write_settings
from tests.paths import REPOSITORY
from tests.train.runs import QUIET

Settings = tuple[TrainConfig, Resources]
DEFAULT_ROOT = "data/faces_webface_112x112"

# flag: its words, and all that differs from the defaults; a path is relative to where the command is run.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "workers_id": ("--workers_id 0,1", {"workers_id": "0,1"}),
    "resume_backbone": ("--resume_backbone old/net.pth", {"resume_backbone": Path("old/net.pth")}),
    "resume_head": ("--resume_head old/head.pth", {"resume_head": Path("old/head.pth")}),
    "epochs": ("--epochs 7", {"epochs": 7}),
    "max_steps": ("--max_steps 70", {"max_steps": 70}),
    "save_every": ("--save_every 10", {"save_every": 10}),
    "keep": ("--keep 5", {"keep": 5}),
    "seed": ("--seed 0", {"seed": 0}),
    "data_mode": ("--data_mode vgg", {"head.a": 0.88, "head.b": 1.25, "data_root": Path("data/faces_vgg_112x112")}),
    "data_root": ("--data_root faces", {"data_root": Path("faces")}),
    "num_workers": ("--num_workers 9", {"num_workers": 9}),
    "augment_crop": ("--augment_crop 0.1", {"augment.crop": 0.1}),
    "augment_lowres": ("--augment_lowres 0.2", {"augment.lowres": 0.2}),
    "augment_color": ("--augment_color 0.3", {"augment.color": 0.3}),
    "augment_move": ("--augment_move 0.4", {"augment.move": 0.4}),
    "augment_grey": ("--augment_grey 0.5", {"augment.grey": 0.5}),
    "eval_root": ("--eval_root sets", {"eval_root": Path("sets")}),
    "target": ("--target lfw,mine", {"target": ("lfw", "mine")}),
    "eval_every": ("--eval_every 30", {"eval_every": 30}),
    "net": ("--net IR_SE_50", {"network.name": "IR_SE_50"}),
    "embedding_size": ("--embedding_size 128", {"network.embedding_size": 128}),
    "input_size": ("--input_size 224", {"network.input_size": 224}),
    "input_scale": ("--input_scale 0.0078125", {"network.input_scale": 0.0078125}),
    "head": ("--head CosFace", {"head.name": "CosFace", "head.margin": 0.35}),
    "shard_head": ("--shard_head", {"head.sharded": True}),
    "param_s": ("--param_s 32", {"head.s": 32.0}),
    "param_k": ("--param_k 70", {"head.k": 70.0}),
    "param_a": ("--param_a 0.8", {"head.a": 0.8}),
    "param_b": ("--param_b 1.23", {"head.b": 1.23}),
    "margin": ("--margin 0.4", {"head.margin": 0.4}),
    "batch_size": ("--batch_size 64", {"batch_size": 64}),
    "accumulate": ("--accumulate 4", {"accumulate": 4}),
    "lr": ("--lr 0.2", {"lr": 0.2}),
    "schedule": ("--schedule cosine", {"schedule": "cosine"}),
    "stages": ("--stages 50,70,80", {"stages": (50, 70, 80)}),
    "warmup_epochs": ("--warmup_epochs 1.5", {"warmup_epochs": 1.5}),
    "clip_norm": ("--clip_norm 5", {"clip_norm": 5.0}),
}
# Of these there are tests of their own, further down or in tests/train.
NO_SETTINGS = {"help", "outdir", "config", "resume"}
WITH_TEACHER = {"teacher", "preprocess", "augment_blend"}
# What a run that goes on may change. `data_mode` is a word for three others.
MAY_CHANGE = {"epochs", "max_steps", "save_every", "keep", "eval_every"}
MAY_CHANGE_TOO = {"workers_id", "data_root", "num_workers", "eval_root", "target"}
FIRST_WEIGHTS = {"resume_backbone", "resume_head"}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_arguments(made)
    return made


def settings(words: str, checkpoint: Checkpoint | None = None) -> Settings:
    return settings_for(_given(parser().parse_args(["--outdir", "out", *shlex.split(words)])), checkpoint)


def refusal(words: str, checkpoint: Checkpoint) -> str:
    """What a person is told of words that don't go with a checkpoint."""
    with pytest.raises(UsageError) as caught:
        settings(words, checkpoint)
    return with_option(caught.value, OPTIONS)


def flat(run: Settings) -> dict[str, Any]:
    """Field → value of both; those of a dataclass within have its name before theirs."""
    config, resources = (part.to_dict() for part in run)
    nested = {name: config.pop(name) for name in ("network", "head", "augment")}
    inner = {f"{part}.{name}": value for part, fields in nested.items() for name, value in fields.items()}
    return config | inner | resources


def changes(run: Settings, before: Settings) -> dict[str, Any]:
    old = flat(before)
    return {name: value for name, value in flat(run).items() if value != old[name]}


def with_paths(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: str(Path.cwd() / value) if isinstance(value, Path) else value for name, value in fields.items()}


def checkpoint_of(run: Settings) -> Checkpoint:
    config, resources = run
    description = {"training": config.to_dict(), "resources": resources.to_dict()}
    return Checkpoint(Path("out/step-00000002"), config.network, description)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_flag_has_a_case() -> None:
    flags = {action.dest for action in parser()._actions}
    assert flags == CASES.keys() | NO_SETTINGS | WITH_TEACHER


def test_every_setting_has_a_flag() -> None:
    changed = {name for _, fields in CASES.values() for name in fields}
    # The published code has no flags for these two either.
    without = {"momentum", "weight_decay"}
    assert flat((TrainConfig(), Resources(""))).keys() - changed == without | {"teacher", "preprocess", "augment.blend"}


@pytest.mark.parametrize("flag", CASES)
def test_a_flag_changes_its_setting_and_no_other(flag: str) -> None:
    words, expected = CASES[flag]
    assert changes(settings(words), settings("")) == with_paths(expected)


@pytest.mark.parametrize("flag", CASES)
def test_a_flag_changes_the_settings_of_another_run(flag: str, folder: Path) -> None:
    words, expected = CASES[flag]
    write_settings(folder / "config.json", *settings(""))
    assert changes(settings(f"--config config.json {words}"), settings("")) == with_paths(expected)


def defaults_in_help() -> dict[str, str]:
    """Option → its default in the help; "" where there is none."""
    found = {}
    for action in parser()._actions:
        stated = re.search(r"\(default: (.*)\)$", action.help or "")
        found[action.dest] = stated[1] if stated else ""
    return found


def test_the_help_shows_the_defaults() -> None:
    shown, real = defaults_in_help(), flat(settings(""))
    for name, option in TRAINING.items():
        value = real[".".join(option.path)]
        assert value is None or value is False or value_text(value) in shown[name], name
    assert DEFAULT_ROOT in shown["data_root"]


def test_the_table_of_flags_in_the_documentation_is_the_help() -> None:
    page = (REPOSITORY / "docs" / "train.md").read_text(encoding="utf-8")
    flags = page[page.index("\n## Flags\n") : page.index("\nFixed, as published")]
    told: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`--.*?) \| ?(.*?) ?\| ", flags, re.M):
        found = re.findall(r"`--(\w+)", names)
        each = [defaults] * len(found) if len(found) == 1 or ", " not in defaults else defaults.split(", ")
        told |= dict(zip(found, each, strict=True))
    assert told == {flag: default for flag, default in defaults_in_help().items() if flag != "help"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--param_s 0", "--param_s 0.0: must be a number above 0"),
        ("--head sface", "--head sface: there is no such head; choose one of SFace, "),
        ("--net ResNet", "--net ResNet: there is no such network; choose one of MobileFaceNet, "),
        ("--shard-head --head ArcFace", "--shard_head with head ArcFace: only SFace's"),
        ("--augment_crop 2", "--augment_crop 2.0: must be a probability"),
        ("--augment_blend 0.1", "--augment_blend 0.1: a blend of two people has no label"),
        ("--batch_size 0", "--batch_size 0: must be at least 1"),
        ("--stages 5,3", "--stages 5,3: epochs must rise"),
        ("--workers_id gpu", "--workers_id gpu: must be cpu, or numbers of GPUs"),
        ("--preprocess raw", "--preprocess raw: is for a teacher; leave it out"),
    ],
)
def test_errors_name_the_option(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--outdir", "out", *words.split()]) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def test_the_defaults_are_the_published_ones(folder: Path) -> None:
    config, resources = settings("")
    assert config == TrainConfig(
        network=NetworkConfig("IR_50", embedding_size=512, input_size=112, input_scale=0.078125),
        head=HeadConfig("SFace", s=64, k=80, a=0.87, b=1.20),
        augment=AugmentConfig(crop=0, lowres=0, color=0),
        batch_size=256,
        accumulate=1,
        lr=0.1,
        schedule="stages",
        stages=(35, 65, 95),
        warmup_epochs=0,
        clip_norm=None,
        epochs=125,
        max_steps=None,
        save_every=2000,
        eval_every=2000,
        seed=1337,
        momentum=0.9,
        weight_decay=5e-4,
    )
    assert resources == Resources(
        str(folder / DEFAULT_ROOT),
        eval_root=None,
        target=None,
        workers_id="cpu",
        num_workers=_loader_processes(with_teacher=False),
    )


@pytest.mark.parametrize(
    ("mode", "root", "a", "b"),
    [
        ("casia", "faces_webface_112x112", 0.87, 1.20),
        ("vgg", "faces_vgg_112x112", 0.88, 1.25),
        ("ms1m", "faces_emore", 0.90, 1.20),
        ("retina", "ms1m-retinaface-t1", 0.90, 1.20),
        ("ms1mr", "faces_ms1m-refine-v2_112x112", 0.90, 1.20),
    ],
)
def test_a_training_set_chooses_angles_and_folder(mode: str, root: str, a: float, b: float, folder: Path) -> None:
    config, resources = settings(f"--data_mode {mode}")
    assert (config.head.a, config.head.b) == (a, b)
    assert resources.data_root == str(folder / "data" / root)

    config, resources = settings(f"--param_b 1.1 --data_mode {mode} --param_a 0.7 --data_root faces")
    assert (config.head.a, config.head.b) == (0.7, 1.1)
    assert resources.data_root == str(folder / "faces")


def test_an_unknown_training_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--outdir", "out", "--data_mode", "webface"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and "'ms1mr'" in err


def test_the_first_command_of_the_published_code() -> None:
    run = settings(
        "--workers_id 0 --batch_size 256 --lr 0.1 --stages 50,70,80 --data_mode casia --net IR_50 "
        "--param_a 0.87 --param_b 1.2"
    )
    assert changes(run, settings("")) == {"workers_id": "0", "stages": (50, 70, 80)}


def test_its_command_for_two_gpus() -> None:
    """With the other flags of the published script."""
    run = settings(
        "--workers_id 0,1 --batch_size 256 --lr 0.1 --stages 50,70,80 --data_mode casia --net MobileFaceNet "
        "--param_a 0.87 --param_b 1.2 --epochs 90 --head SFace --target lfw,cfp_fp --param_s 64 --param_k 80"
    )
    assert changes(run, settings("")) == {
        "workers_id": "0,1",
        "stages": (50, 70, 80),
        "network.name": "MobileFaceNet",
        "epochs": 90,
        "target": ("lfw", "cfp_fp"),
    }


def test_outdir_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert "--outdir" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--head ArcFace", {"head.name": "ArcFace"}),  # its margin is the default's
        ("--head CosFace --margin 0.2", {"head.name": "CosFace", "head.margin": 0.2}),
        ("--head Softmax", {"head.name": "Softmax"}),
        ("--stages ''", {"stages": ()}),
        ("--target ' lfw , mine '", {"target": ("lfw", "mine")}),
        ("--target ''", {"target": ()}),
    ],
)
def test_words_with_more_to_them(words: str, expected: dict[str, Any]) -> None:
    assert changes(settings(words), settings("")) == expected


@pytest.mark.parametrize("words", ["--stages 3,x", "--lr fast", "--schedule steps", "--learning_rate 3"])
def test_words_that_mean_nothing(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--outdir", "out", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert not Path("out").exists()


def test_loader_processes_are_those_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(cores: int | None, local_ranks: int) -> int:
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", str(local_ranks))
        return settings("")[1].num_workers

    assert [found(cores, 1) for cores in (None, 1, 2, 64)] == [1, 1, 2, 4]
    assert [found(8, ranks) for ranks in (2, 4, 16)] == [4, 2, 1]


def test_settings_of_another_run(folder: Path) -> None:
    """All of them; the angles of casia are not put in."""
    other = settings(" ".join(words for flag, (words, _) in CASES.items() if flag != "shard_head"))
    write_settings(folder / "config.json", *other)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert settings("--config ../config.json") == other
    # Relative paths were of the folder in which that run was begun.
    assert other[1].data_root == str(folder / "faces")


def test_settings_that_can_not_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.json").write_text("{")
    for name in ("config.json", "none.json"):
        assert main(["train", "--outdir", "out", "--config", name]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {name}: ") and err.count("\n") == 1


RUN = (
    TrainConfig(network=NetworkConfig("MobileFaceNet", embedding_size=64), max_steps=20, stages=(1,)),
    Resources("/faces", eval_root="/sets", target=("lfw",), resume_backbone="/old.pth", num_workers=1),
)


def test_a_run_goes_on_with_its_own_settings() -> None:
    assert settings("--resume", checkpoint_of(RUN)) == RUN


@pytest.mark.parametrize("flag", sorted(MAY_CHANGE | MAY_CHANGE_TOO))
def test_what_a_run_that_goes_on_may_change(flag: str) -> None:
    words, expected = CASES[flag]
    assert changes(settings(f"--resume {words}", checkpoint_of(RUN)), RUN) == with_paths(expected)


@pytest.mark.parametrize("flag", sorted(CASES.keys() - MAY_CHANGE - MAY_CHANGE_TOO - FIRST_WEIGHTS))
def test_what_it_may_not_change(flag: str) -> None:
    words, _ = CASES[flag]
    named = "param_a" if flag == "data_mode" else flag
    told = refusal(f"--resume {words}", checkpoint_of(RUN))
    assert re.match(rf"--{named} .*: the run to resume has .*; leave it out, or start a new run", told), told


@pytest.mark.parametrize(
    "words",
    [
        "--net MobileFaceNet --embedding_size 64 --stages 1 --lr 0.1 --data_mode casia --param_b 1.2 --batch_size 256",
        "--head SFace",
    ],
)
def test_what_is_said_again_is_no_change(words: str) -> None:
    """So the command that began a run goes on with it when --resume is put to it."""
    config, _ = settings(f"--resume {words}", checkpoint_of(RUN))
    assert config == RUN[0]


def test_the_margin_of_a_run_that_goes_on() -> None:
    config = replace(RUN[0], head=HeadConfig("CosFace", margin=0.2))
    assert settings("--resume --head CosFace", checkpoint_of((config, RUN[1])))[0] == config


@pytest.mark.parametrize("words", ["--config config.json", "--resume_backbone old.pth", "--resume_head old.pth"])
def test_what_does_not_go_with_resume(words: str, folder: Path) -> None:
    write_settings(folder / "config.json", *RUN)
    told = refusal(f"--resume {words}", checkpoint_of(RUN))
    assert told.startswith("--resume takes settings and weights from the checkpoint; leave out config, ")


def test_a_checkpoint_with_damaged_settings() -> None:
    checkpoint = checkpoint_of(RUN)
    checkpoint.description["training"]["lr"] = "fast"
    with pytest.raises(CheckpointError, match="step-00000002: its settings are damaged"):
        settings("--resume", checkpoint)


def test_a_change_through_the_command(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--outdir", str(run_folder), "--resume", "--lr", "0.5"]) == 2
    assert capsys.readouterr().err.startswith("error: --lr 0.5: the run to resume has 0.02; ")


@pytest.mark.parametrize("words", [[], ["--eval_root", "sets"]])
def test_a_set_that_was_named_and_is_missing(
    words: list[str], drawn_set: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sets").mkdir()
    assert main(["train", "--outdir", "out", "--data_root", str(drawn_set), "--target", "lfw,mine", *words]) == 6
    err = capsys.readouterr().err
    assert err.startswith(f"error: {folder / 'sets' if words else drawn_set}/lfw.bin: can't be read")
    assert err.count("\n") == 1
    assert not Path("out").exists()


def test_no_sets_are_wanted(folder: Path) -> None:
    assert open_sets(folder, settings("--target ''")[1].target, 112, QUIET) == []
