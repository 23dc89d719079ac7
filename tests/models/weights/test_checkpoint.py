"""Reading checkpoints, whole and damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import pytest

from sface.errors import CheckpointError
from sface.files import sha256
from sface.models import load_checkpoint
from sface.models.weights.checkpoint import fill, open_checkpoint

pytestmark = pytest.mark.jittor


@pytest.fixture
def checkpoint(tmp_path: Path, run_folder: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(run_folder / "step-00000012", tmp_path / "step-00000012"))


def change(checkpoint: Path, **fields: Any) -> None:
    file = checkpoint / "checkpoint.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_the_network_is_rebuilt_without_flags(run_folder: Path) -> None:
    module, checkpoint = load_checkpoint(run_folder / "step-00000006")
    assert checkpoint.network.embedding_size == 64
    images = jt.array(np.zeros((1, 3, 112, 112), dtype=np.float32))
    assert tuple(module(images).shape) == (1, 64)
    assert not module.is_training()


def test_of_a_run_the_last_is_taken(run_folder: Path) -> None:
    assert open_checkpoint(run_folder).folder == run_folder / "step-00000012"


def test_a_half_written_one_is_not_seen(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / ".step-00000013.abc").mkdir()
    (tmp_path / "step-00000014").mkdir()
    assert open_checkpoint(tmp_path).folder == checkpoint


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        load_checkpoint(tmp_path / "no")
    with pytest.raises(CheckpointError, match="neither a checkpoint nor a run"):
        load_checkpoint(tmp_path)


def test_truncated_weights(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: its sha256 is not the one in checkpoint\.json"):
        load_checkpoint(checkpoint)


def test_weights_that_are_no_safetensors(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    file.write_bytes(b"hello")
    change(checkpoint, files={"model.safetensors": sha256(file)})
    with pytest.raises(CheckpointError, match="can't be read"):
        load_checkpoint(checkpoint)


def test_missing_weights(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: missing"):
        load_checkpoint(checkpoint)


def test_weights_of_another_network(checkpoint: Path) -> None:
    network = json.loads((checkpoint / "checkpoint.json").read_text())["network"]
    change(checkpoint, network=network | {"embedding_size": 32})
    with pytest.raises(CheckpointError, match="holds another network"):
        load_checkpoint(checkpoint)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "network": {"name": "ResNet"}}'])
def test_a_damaged_description(text: str, checkpoint: Path) -> None:
    (checkpoint / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json"):
        load_checkpoint(checkpoint)


@pytest.mark.parametrize("part", ["training", "data", "files", "step"])
def test_a_description_without_a_part(part: str, checkpoint: Path) -> None:
    change(checkpoint, **{part: None})
    with pytest.raises(CheckpointError, match=rf"can't be read as a checkpoint \(.* at `\$\.{part}`\)"):
        load_checkpoint(checkpoint)
    file = checkpoint / "checkpoint.json"
    file.write_text(json.dumps({name: value for name, value in json.loads(file.read_text()).items() if name != part}))
    with pytest.raises(CheckpointError, match=f"missing required field `{part}`"):
        load_checkpoint(checkpoint)


def test_a_later_format(checkpoint: Path) -> None:
    change(checkpoint, format=2)
    with pytest.raises(CheckpointError, match="update sface"):
        load_checkpoint(checkpoint)


def test_filling_checks_what_jittor_does_not() -> None:
    variables = {"a": jt.zeros((2, 3))}
    with pytest.raises(CheckpointError, match="1 names or shapes differ, first a"):
        fill(variables, {"a": np.zeros((3, 2), dtype=np.float32)}, Path("f"))
    with pytest.raises(CheckpointError, match="first b"):
        fill(variables, {"a": np.zeros((2, 3), dtype=np.float32), "b": np.zeros(1, dtype=np.float32)}, Path("f"))
    with pytest.raises(CheckpointError, match="not finite"):
        fill(variables, {"a": np.full((2, 3), np.nan, dtype=np.float32)}, Path("f"))


def test_filling_keeps_what_is_trained_and_what_is_not() -> None:
    variables = {"weight": jt.zeros(2), "statistic": jt.zeros(2).stop_grad()}
    fill(variables, {name: np.ones(2, dtype=np.float32) for name in variables}, Path("f"))
    assert variables["statistic"].is_stop_grad()
    assert not variables["weight"].is_stop_grad()
    assert (variables["weight"].numpy() == 1).all()
