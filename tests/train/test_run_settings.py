"""Settings that are given by name, from Python. By the command's words: tests/cli/test_train_command.py."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.models import Checkpoint, NetworkConfig
from sface.train import AugmentConfig, HeadConfig, Resources, TeacherConfig, TrainConfig, settings_for, write_settings
from sface.train.run_settings import refuse_changes
from tests.tiny_models import DIMENSION, raw_metadata, write_model

CONFIG = TrainConfig(network=NetworkConfig("MobileFaceNet", embedding_size=32), batch_size=8)


def test_names_and_values() -> None:
    config, resources = settings_for(
        {"net": "MobileFaceNet", "param_s": 32, "stages": (1, 2), "data_root": Path("/faces"), "lr": None}
    )
    assert config == TrainConfig(network=NetworkConfig("MobileFaceNet"), head=HeadConfig(s=32.0), stages=(1, 2))
    assert resources.data_root == "/faces"
    assert resources.num_workers > 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning_rate": 0.1}, "there is no setting learning_rate"),
        ({"data_mode": "webface"}, "data_mode webface: must be one of casia, vgg"),
        ({"lr": "fast"}, r"Expected `float`, got `str` - at `\$\.lr`"),
        ({"net": 50}, r"got `int` - at `\$\.network\.name`"),
        ({"target": "lfw"}, r"at `\$\.target`"),
        ({"batch_size": 0}, "batch_size 0: must be at least 1"),
    ],
)
def test_what_can_not_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings_for(given)


def test_a_teacher_brings_defaults_of_its_own(tmp_path: Path) -> None:
    file = write_model(tmp_path / "teacher.onnx", metadata=raw_metadata())
    config, resources = settings_for({"teacher": file, "net": "MobileFaceNet", "augment_grey": 0.0})
    assert config.teacher is not None and config.teacher.name == "teacher.onnx"
    assert config.network.embedding_size == DIMENSION
    assert config.augment == AugmentConfig(lowres=0.1, color=0.5, move=0.8, blend=0.3)
    assert (config.schedule, resources.teacher) == ("cosine", str(file))


def test_another_run_in_place_of_the_defaults(tmp_path: Path) -> None:
    write_settings(tmp_path / "config.json", CONFIG, Resources("/faces"))
    given = {"config": tmp_path / "config.json", "head": "CosFace"}
    assert settings_for(given) == (replace(CONFIG, head=HeadConfig("CosFace", margin=0.35)), Resources("/faces"))


def test_a_checkpoint_in_place_of_the_defaults() -> None:
    description = {"training": CONFIG.to_dict(), "resources": Resources("/faces").to_dict()}
    checkpoint = Checkpoint(Path("out/step-00000002"), CONFIG.network, description)
    assert settings_for({"epochs": 3}, checkpoint) == (replace(CONFIG, epochs=3), Resources("/faces"))


@pytest.mark.parametrize(
    "changes", [{"epochs": 1}, {"max_steps": 9}, {"save_every": 1}, {"keep": 1}, {"eval_every": 5}, {}]
)
def test_what_a_run_that_goes_on_may_change(changes: dict[str, Any]) -> None:
    refuse_changes(CONFIG, replace(CONFIG, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lr": 0.5}, "lr 0.5: the run to resume has 0.1; leave it out, or start a new run"),
        ({"head": HeadConfig(a=0.5)}, "a 0.5: the run to resume has 0.87"),
        ({"network": NetworkConfig("IR_50")}, "network IR_50: the run to resume has MobileFaceNet"),
        ({"augment": AugmentConfig(grey=1.0)}, "grey 1.0: the run to resume has 0.0"),
        ({"momentum": 0.5}, "momentum: the run to resume has 0.9"),
        ({"teacher": TeacherConfig("other.onnx", "ab")}, "teacher: the run to resume has None"),
    ],
)
def test_what_it_may_not(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        refuse_changes(CONFIG, replace(CONFIG, **changes))
