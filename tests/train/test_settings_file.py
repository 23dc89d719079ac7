"""A run's settings as a file: written, read, and refused where it is damaged."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.errors import UsageError
from sface.train.config import Resources, TrainConfig
from sface.train.settings_file import read_settings, write_settings

from .test_config import CONFIG, RESOURCES


def test_a_run_as_a_file(tmp_path: Path) -> None:
    for config, resources in ((CONFIG, RESOURCES), (TrainConfig(), Resources("faces"))):
        write_settings(tmp_path / "config.json", config, resources)
        assert read_settings(tmp_path / "config.json") == (config, resources)


def test_a_whole_number_may_stand_for_a_real_one(tmp_path: Path) -> None:
    """As somebody writes it who changes the file."""
    path = changed_file(tmp_path, lambda fields: fields["training"].update(lr=1, clip_norm=2))
    assert read_settings(path) == (replace(CONFIG, lr=1.0, clip_norm=2.0), RESOURCES)


def changed_file(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "config.json"
    write_settings(path, CONFIG, RESOURCES)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(path)
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
    refused(changed_file(tmp_path, lambda fields: fields["training"].update(lr=-1.0)), "lr -1.0: must be above 0")
