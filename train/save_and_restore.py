"""All that a run needs to go on as if it had never stopped: saved as a checkpoint folder, and put back.

Beside the backbone (models/weights/checkpoint.py) a checkpoint holds

    momentum.safetensors   the optimiser's, of the backbone
    head-0.safetensors     `weight`, the rows of some of the classes, and their `momentum`; one file for each process
    ...                    that has rows of its own

Order, mirroring and augmentation of the images are a function of seed and epoch, and dropout of seed and step, so the
step alone tells where a run stands. Any number of processes can go on from what another number has saved.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jittor import nn
from safetensors.numpy import save

from .. import __version__
from ..errors import CheckpointError
from ..files import sha256, write_folder
from ..models.networks import state
from ..models.weights.checkpoint import (
    DESCRIPTION,
    FORMAT,
    MODEL,
    Checkpoint,
    fill,
    open_checkpoint,
    read_tensors,
    step_folder,
    write_tensors,
)
from ..processes.ranks import communicator
from ..runtime.jittor_setup import threads
from ..runtime.mpi_environment import rank, world_size
from .config import Resources, TrainConfig
from .heads.teacher_head import TeacherHead
from .optimizer import SGD, is_sharded

MOMENTUM = "momentum.safetensors"
Rows = dict[str, npt.NDArray[np.float32]]  # "weight", "momentum": (rows, D)


@dataclass(frozen=True, slots=True)
class TrainState:
    """What changes during training. The head's one parameter is `weight`; a teacher's head has none."""

    backbone: nn.Module
    head: nn.Module
    optimizer: SGD

    def backbone_momentum(self) -> dict[str, Any]:
        """Name → momentum Var of the backbone's parameters."""
        return {
            name.removeprefix("backbone."): var
            for name, var in self.optimizer.momentum.items()
            if name.startswith("backbone.")
        }

    def head_rows(self) -> dict[str, Any]:
        """Weight and momentum of the rows that this process has, as Vars; empty where there is no weight."""
        if isinstance(self.head, TeacherHead):
            return {}
        return {"weight": self.head.weight, "momentum": self.optimizer.momentum["head.weight"]}


def save_checkpoint(
    outdir: Path,
    state_: TrainState,
    config: TrainConfig,
    resources: Resources,
    step: int,
    steps_per_epoch: int,
    data: Mapping[str, Any],
) -> None:
    """Write OUT/step-NNNNNNNN as a whole or not at all. Process 0 writes; all others must call it too.

    Raises StorageError.
    """
    if rank() > 0:
        _send_rows(state_)
        return

    def fill_folder(temporary: Path) -> None:
        write_tensors(temporary / MODEL, state(state_.backbone))
        write_tensors(temporary / MOMENTUM, state_.backbone_momentum())
        shards = []
        for number, rows in enumerate(_all_rows(state_)):
            name = f"head-{number}.safetensors"
            (temporary / name).write_bytes(save(rows))
            shards.append({"file": name, "rows": len(rows["weight"])})
        description = {
            "format": FORMAT,
            "step": step,
            "epoch": step / steps_per_epoch,
            "network": config.network.to_dict(),
            "training": config.to_dict(),
            "resources": resources.to_dict(),
            "data": dict(data),
            "head": shards,
            "processes": world_size(),
            "threads": threads(),
            "sface": __version__,
            "files": {file.name: sha256(file) for file in sorted(temporary.iterdir())},
        }
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")

    write_folder(step_folder(outdir, step), fill_folder)


def restore_checkpoint(checkpoint: Checkpoint, state_: TrainState) -> None:
    """Put a checkpoint's state back. Raises CheckpointError."""
    load_backbone(checkpoint, state_)
    momentum = read_tensors(checkpoint, MOMENTUM)
    fill(state_.backbone_momentum(), momentum, checkpoint.folder / MOMENTUM)
    if rows := state_.head_rows():
        fill(rows, _own_rows(checkpoint, state_.head), checkpoint.folder)


def load_backbone(checkpoint: Checkpoint, state_: TrainState) -> None:
    """Put a checkpoint's network into the backbone. Raises CheckpointError."""
    fill(state(state_.backbone), read_tensors(checkpoint, MODEL), checkpoint.folder / MODEL)


def load_head(path: Path, state_: TrainState) -> None:
    """Put the head's rows of the checkpoint `path` into the head. Raises CheckpointError."""
    checkpoint = open_checkpoint(path)
    rows = _own_rows(checkpoint, state_.head)
    fill({"weight": state_.head.weight}, {"weight": rows["weight"]}, checkpoint.folder)


def own_classes(head: nn.Module) -> slice:
    """The classes whose rows this process has."""
    return slice(head.first, head.last) if is_sharded(head) else slice(0, head.classes)


def _own_rows(checkpoint: Checkpoint, head: nn.Module) -> Rows:
    """This process's rows of a checkpoint's head, whichever files they lie in."""
    own, start = own_classes(head), 0
    found: dict[str, list[npt.NDArray[np.float32]]] = {"weight": [], "momentum": []}
    try:
        shards = [(str(shard["file"]), int(shard["rows"])) for shard in checkpoint.description["head"]]
        if sum(rows for _, rows in shards) != head.classes:
            raise CheckpointError(f"its head has another number of classes than {head.classes}", path=checkpoint.folder)
        for name, rows in shards:
            part = slice(max(own.start, start) - start, min(own.stop, start + rows) - start)
            if part.start < part.stop:
                tensors = read_tensors(checkpoint, name)
                for key, pieces in found.items():
                    pieces.append(tensors[key][part])
            start += rows
        return {key: np.concatenate(pieces) for key, pieces in found.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"its head is damaged ({error!r})", path=checkpoint.folder, remedy="take an earlier one"
        ) from None


def _all_rows(state_: TrainState) -> Iterator[Rows]:
    """The rows of process 0, then, one after the other, those of the processes that have rows of their own."""
    own = _as_arrays(state_)
    if own:
        yield own
    if is_sharded(state_.head):
        for source in range(1, world_size()):
            count = np.zeros(1, dtype=np.int64)
            communicator().Recv(count, source=source)
            rows = {name: np.empty((count[0], own[name].shape[1]), dtype=np.float32) for name in own}
            for array in rows.values():
                communicator().Recv(array, source=source)
            yield rows


def _send_rows(state_: TrainState) -> None:
    if is_sharded(state_.head):
        rows = _as_arrays(state_)
        communicator().Send(np.array([len(rows["weight"])], dtype=np.int64), dest=0)
        for array in rows.values():
            communicator().Send(array, dest=0)


def _as_arrays(state_: TrainState) -> Rows:
    return {name: np.ascontiguousarray(var.numpy()) for name, var in state_.head_rows().items()}
