"""All that a run needs to go on as if it had never stopped: saved as a checkpoint folder, and put back.

Beside the backbone (models/checkpoint.py) a checkpoint holds `head.safetensors` and `momentum.safetensors`. Order and
mirroring of the images are a function of seed and epoch, so the step alone tells where in the data a run stands.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jittor import nn

from .. import __version__
from ..errors import CheckpointError
from ..files import sha256, write_folder
from ..models.checkpoint import DESCRIPTION, FORMAT, MODEL, Checkpoint, fill, read_tensors, write_tensors
from ..models.networks import parameters, state
from ..runtime import threads
from .config import TrainConfig

HEAD = "head.safetensors"
MOMENTUM = "momentum.safetensors"


@dataclass(frozen=True, slots=True)
class TrainState:
    """What changes during training."""

    backbone: nn.Module
    head: nn.Module
    optimizer: nn.SGD

    def momentum(self) -> dict[str, Any]:
        """Name → momentum Var of everything that is trained."""
        return {f"backbone.{name}": self._buffer(var) for name, var in parameters(self.backbone).items()} | {
            f"head.{name}": self._buffer(var) for name, var in parameters(self.head).items()
        }

    def _buffer(self, trained: Any) -> Any:
        for group in self.optimizer.param_groups:
            for var, buffer in zip(group["params"], group["values"], strict=True):
                if var is trained:
                    return buffer
        raise AssertionError("a parameter is in no group of the optimiser")


def save_checkpoint(
    outdir: Path, state_: TrainState, config: TrainConfig, step: int, steps_per_epoch: int, data: Mapping[str, Any]
) -> Path:
    """Write OUT/step-NNNNNNNN as a whole or not at all; returns it. Raises StorageError."""
    folder = outdir / f"step-{step:08d}"
    if (folder / DESCRIPTION).is_file():
        return folder

    def fill_folder(temporary: Path) -> None:
        write_tensors(temporary / MODEL, state(state_.backbone))
        write_tensors(temporary / HEAD, state(state_.head))
        write_tensors(temporary / MOMENTUM, state_.momentum())
        description = {
            "format": FORMAT,
            "step": step,
            "epoch": step / steps_per_epoch,
            "network": config.network.to_dict(),
            "training": config.to_dict(),
            "data": dict(data),
            "threads": threads(),
            "sface": __version__,
            "files": {file.name: sha256(file) for file in sorted(temporary.iterdir())},
        }
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")

    write_folder(folder, fill_folder)
    return folder


def restore(checkpoint: Checkpoint, state_: TrainState) -> int:
    """Put a checkpoint's state back; returns its step. Raises CheckpointError."""
    fill(state(state_.backbone), read_tensors(checkpoint, MODEL), checkpoint.folder / MODEL)
    fill(state(state_.head), read_tensors(checkpoint, HEAD), checkpoint.folder / HEAD)
    fill(state_.momentum(), read_tensors(checkpoint, MOMENTUM), checkpoint.folder / MOMENTUM)
    step = checkpoint.description.get("step")
    if not isinstance(step, int):
        raise CheckpointError(f"{checkpoint.folder / DESCRIPTION}: holds no step; take an earlier checkpoint")
    return step
