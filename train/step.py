"""Network, head and optimiser of a run, and one step of its training."""

from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt

from ..errors import CheckpointError
from ..models.networks import build_network, pixels, seed_dropout
from ..models.weights.checkpoint import fill, open_checkpoint
from ..models.weights.published import fill_published, read_state_dict
from ..runtime.mpi_environment import rank
from .config import Resources, TrainConfig
from .heads import build_head
from .heads.teacher_head import TeacherHead
from .loading.batches import Targets
from .loading.loader import Batch
from .optimizer import SGD
from .reporting.meter import STEP_FIGURES
from .save_and_restore import TrainState, load_backbone, load_head, own_classes


def build_state(config: TrainConfig, classes: int) -> TrainState:
    """Everything that changes during training, as it is before the first step."""
    backbone = build_network(config.network, config.seed)
    backbone.train()
    head = (
        TeacherHead()
        if config.teacher
        else build_head(config.head, classes, config.network.embedding_size, config.seed)
    )
    optimizer = SGD(backbone, head, momentum=config.momentum, weight_decay=config.weight_decay)
    return TrainState(backbone, head, optimizer)


def load_first_weights(state_: TrainState, config: TrainConfig, resources: Resources) -> None:
    """Put the weights of `resume_backbone` and `resume_head`, where there are any, into network and head.

    Raises CheckpointError where a file or a checkpoint can't be used.
    """
    if resources.resume_backbone is not None:
        path = Path(resources.resume_backbone)
        if path.is_dir():
            load_backbone(open_checkpoint(path), state_)
        else:
            fill_published(state_.backbone, path, config.network)
    if resources.resume_head is not None:
        path = Path(resources.resume_head)
        if path.is_dir():
            load_head(path, state_)
        else:
            arrays = read_state_dict(path)
            if set(arrays) != {"weight"} or arrays["weight"].shape[0] != state_.head.classes:
                raise CheckpointError(
                    f"is no head of {state_.head.classes} classes",
                    path=path,
                    remedy="leave out resume_head",
                    argument="resume_head",
                )
            fill({"weight": state_.head.weight}, {"weight": arrays["weight"][own_classes(state_.head)]}, path)


def train_step(state_: TrainState, batch: Batch, config: TrainConfig, step: int, rate: float) -> Any:
    """One step of gradient descent; returns STEP_FIGURES as one Var, float32 (6,), which nobody has waited for."""
    seed_dropout(config.seed, step, rank())
    part = len(batch.targets) // config.accumulate
    figures = []
    for start in range(0, len(batch.targets), part):
        result = _forward(state_, batch.images[start : start + part], batch.targets[start : start + part])
        state_.optimizer.backward(result.loss / config.accumulate)
        figures.append(jt.concat([getattr(result, name) for name in STEP_FIGURES]).stop_grad())
        if config.accumulate > 1:
            jt.sync_all()  # frees the part's activations before those of the next are made
    state_.optimizer.step(rate, config.clip_norm)
    jt.sync_all()  # starts the work; on a GPU it does not wait for it
    return figures[0] if len(figures) == 1 else sum(figures) / len(figures)


def _forward(state_: TrainState, images: npt.NDArray[np.uint8], targets: Targets) -> Any:
    return state_.head(state_.backbone(pixels(images)), jt.array(targets))
