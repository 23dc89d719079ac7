"""A checkpoint folder ⇄ a backbone.

    OUT/step-00000200/
        checkpoint.json      what it is: network, training, data, step, versions, sha256 of each file
        model.safetensors    the backbone: parameters and running statistics, float32
        ...                  the rest of the training's state (train/save_and_restore.py)
    OUT/best.json            which step did best on the verification sets, where there are some

The network is rebuilt from checkpoint.json; no flag is needed. A checkpoint can be opened and checked without Jittor.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ...errors import CheckpointError, UsageError
from ...files import sha256
from ...validation import from_fields
from ..network_config import NetworkConfig

if TYPE_CHECKING:
    from jittor import nn

FORMAT = 1
DESCRIPTION = "checkpoint.json"
MODEL = "model.safetensors"
BEST = "best.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was read. `description` is checkpoint.json; `network` is the part that builds the module."""

    folder: Path
    network: NetworkConfig
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Needed:
    """What a description must have, of the right kind."""

    step: int
    network: NetworkConfig
    training: dict[str, Any]
    data: dict[str, Any]
    files: dict[str, str]


def step_folders(outdir: Path) -> list[Path]:
    """The checkpoints in a run's folder, the oldest first."""
    return sorted(path.parent for path in outdir.glob(f"step-*/{DESCRIPTION}"))


def step_folder(outdir: Path, step: int) -> Path:
    """Where the checkpoint of a run's step lies."""
    return outdir / f"step-{step:08d}"


def best_folder(outdir: Path) -> Path | None:
    """The checkpoint that did best on the run's verification sets; None where none was verified or it is gone."""
    try:
        folder = step_folder(outdir, int(json.loads((outdir / BEST).read_text(encoding="utf-8"))["step"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if (folder / DESCRIPTION).is_file() else None


def open_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what a checkpoint says about itself. `path` is its folder, or a run's folder: then the best is taken where
    the run was verified, else the last.

    Raises CheckpointError where there is none, or where it can't be understood.
    """
    folder = Path(path)
    if not (folder / DESCRIPTION).is_file():
        if not folder.is_dir():
            raise CheckpointError("there is no such checkpoint folder", path=folder)
        folders = step_folders(folder)
        if not folders:
            raise CheckpointError(f"neither a checkpoint nor a run with one; it has no {DESCRIPTION}", path=folder)
        folder = best_folder(folder) or folders[-1]
    file = folder / DESCRIPTION
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise CheckpointError(
                f"written by a later version (format {description['format']})", path=file, remedy="update sface"
            )
        named = [entry.name for entry in fields(_Needed) if entry.name in description]
        needed = from_fields(_Needed, {name: description[name] for name in named})
    except UsageError as error:
        raise CheckpointError(str(error), path=file) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise CheckpointError(
            f"can't be read as a checkpoint ({reason})", path=file, remedy="take an earlier one"
        ) from None
    return Checkpoint(folder, needed.network, description)


def load_checkpoint(path: str | os.PathLike[str]) -> "tuple[nn.Module, Checkpoint]":
    """Rebuild the backbone of a checkpoint, or of a run's (as `open_checkpoint`), in evaluation mode.

    Raises CheckpointError where something is missing, damaged or of another network.
    """
    from ..networks import bare_network, state

    checkpoint = open_checkpoint(path)
    module = bare_network(checkpoint.network)
    fill(state(module), read_tensors(checkpoint, MODEL), checkpoint.folder / MODEL)
    module.eval()
    return module, checkpoint


def write_tensors(path: Path, variables: Mapping[str, Any]) -> None:
    """Write Vars as float32 arrays, under their names."""
    # By way of bytes: safetensors' own writer hides which of the disk's errors it met.
    path.write_bytes(save({name: np.ascontiguousarray(var.numpy()) for name, var in variables.items()}))


def read_tensors(checkpoint: Checkpoint, name: str) -> dict[str, np.ndarray]:
    """Read one file of a checkpoint, checked against the sha256 in its description. Raises CheckpointError."""
    file = checkpoint.folder / name
    try:
        if sha256(file) != checkpoint.description["files"][name]:
            raise CheckpointError(
                f"its sha256 is not the one in {DESCRIPTION}: damaged", path=file, remedy="take an earlier one"
            )
        return dict(load(file.read_bytes()))
    except FileNotFoundError:
        raise CheckpointError("missing", path=file, remedy="take an earlier checkpoint") from None
    except (SafetensorError, KeyError, TypeError) as error:
        raise CheckpointError(f"can't be read ({error!r})", path=file, remedy="take an earlier checkpoint") from None


def fill(variables: Mapping[str, Any], arrays: dict[str, np.ndarray], file: Path) -> None:
    """Put `arrays` into Vars of the same names. Raises CheckpointError unless names and shapes are all the same.

    Each is taken out of `arrays`, so that no weight is held twice. Jittor's own loading ignores unknown names, and its
    `assign` takes any shape.
    """
    wrong = sorted(set(variables) ^ set(arrays))
    wrong += [name for name in set(variables) & set(arrays) if tuple(variables[name].shape) != arrays[name].shape]
    if wrong:
        raise CheckpointError(
            f"holds another network: {len(wrong)} names or shapes differ, first {wrong[0]}", path=file
        )
    import jittor as jt

    for name, var in variables.items():
        array = arrays.pop(name)
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{name} holds values that are not finite", path=file, remedy="take an earlier checkpoint"
            )
        frozen = var.is_stop_grad()
        var.assign(jt.array(array))
        if frozen:
            var.stop_grad()
        else:
            var.start_grad()
