"""The training loop, as a story: data, network, head, optimiser; then batch after batch; then a checkpoint.

Nothing in a step waits for the device, nor for another process beyond what the gradients need: what is to be shown is
read every LOG_EVERY steps.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from ..errors import CheckpointError, DataError, DivergedError, UsageError
from ..models.checkpoint import Checkpoint, open_checkpoint, step_folders
from ..models.networks import build_network, parameters
from ..output import Output
from ..runtime import rank, threads
from .config import TrainConfig
from .heads import SFaceHead
from .image_sets import open_image_set
from .loader import Batch, Loader
from .progress import Clock, Measurement, Progress
from .ranks import mean_over_ranks, world_size
from .schedule import learning_rate
from .state import TrainState, restore, save_checkpoint

LOG_EVERY = 20
# What is read from a step, of HeadOutput for Measurement.
SHOWN = ("loss", "intra", "inter", "cos_genuine", "cos_impostor", "top1")


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    checkpoint  the folder of the last one
    step        steps done in all
    finished    False where a signal ended the run early
    last        the last measurement; None where no step was done
    unreadable  images that could not be read and were replaced by others
    """

    checkpoint: Path
    step: int
    finished: bool
    last: Measurement | None
    unreadable: int


def train(
    config: TrainConfig, data_root: Path, outdir: Path, *, checkpoint: Checkpoint | None = None, output: Output
) -> TrainResult:
    """Train on the set in `data_root` and leave checkpoints in `outdir`, which `find_run` has looked at.

    From a `checkpoint` of the run in `outdir` it goes on, on the CPU with one process to the same bits that it would
    have reached without a stop. SIGTERM or SIGINT saves and ends the run.
    Raises DataError where the set can't be used, CheckpointError where the checkpoint doesn't fit, DivergedError where
    the loss is no longer a number, StorageError where the disk refuses.
    """
    image_set = open_image_set(data_root)
    if image_set.size != config.network.input_size:
        raise DataError(
            f"{data_root}: crops of {image_set.size} pixels for a network of {config.network.input_size}; "
            f"--input_size must be the set's"
        )
    loader = Loader(image_set, batch_size=config.batch_size, seed=config.seed, rank=rank(), ranks=world_size())
    per_epoch = loader.batches_per_epoch
    last_step = min(config.epochs * per_epoch, config.max_steps or config.epochs * per_epoch)
    state = _build(config, image_set.num_classes)
    step = restore(checkpoint, state) if checkpoint else 0
    data = {"name": image_set.name, "people": image_set.num_classes, "images": len(image_set)}
    output = output if rank() == 0 else Output(quiet=True)
    if checkpoint:
        _check_the_same(checkpoint, data, data_root, output)
        if step >= last_step:
            return TrainResult(checkpoint.folder, step, finished=True, last=None, unreadable=0)

    def save(step: int) -> Path:
        folder = outdir / f"step-{step:08d}"
        return save_checkpoint(outdir, state, config, step, per_epoch, data) if rank() == 0 else folder

    outdir.mkdir(parents=True, exist_ok=True)
    progress = Progress(outdir, step, last_step, output) if rank() == 0 else None
    window: list[Any] = []
    last, clock, unreadable = None, Clock(), 0
    with _stop_on_signal() as stopped:
        for batch, epoch in _batches(loader, step, last_step):
            rate = learning_rate(config.lr, config.stages, epoch)
            window.append(_step(state, batch, rate))
            step += 1
            if progress:
                progress.step()
            to_log = step % LOG_EVERY == 0 or step == last_step
            stop = _any_rank(stopped) if to_log or world_size() == 1 else False
            to_save = step % config.save_every == 0 or step == last_step or stop
            if to_log or to_save:
                means = mean_over_ranks(np.mean([values.numpy() for values in window], axis=0).tolist())
                if not np.isfinite(means).all():
                    raise DivergedError(
                        f"{outdir}: the loss is not a number at step {step}; go on from the last checkpoint, or start "
                        "again, with a lower --lr"
                    )
                speed = len(window) * config.batch_size / clock.lap()
                shown = dict(zip(SHOWN, means, strict=True))
                last = Measurement(step=step, epoch=epoch, lr=rate, images_per_second=speed, **shown)
                window.clear()
                if progress:
                    progress.measured(last)
                    if len(loader.unreadable) > unreadable:
                        progress.say(_damage(loader))
                        unreadable = len(loader.unreadable)
            if to_save:
                save(step)
            if stop:
                break
    if progress:
        progress.close()
    return TrainResult(outdir / f"step-{step:08d}", step, step == last_step, last, len(loader.unreadable))


def _step(state: TrainState, batch: Batch, rate: float) -> Any:
    """One step of gradient descent; returns SHOWN as one Var, which nobody has waited for."""
    images = jt.array(batch.images).permute(0, 3, 1, 2).float32()  # (b, 3, S, S), RGB, 0..255
    result = state.head(state.backbone(images), jt.array(batch.labels))
    state.optimizer.lr = rate
    state.optimizer.step(result.loss)
    shown = jt.concat([getattr(result, name) for name in SHOWN]).stop_grad()
    jt.sync_all()  # starts the work; on a GPU it does not wait for it
    return shown


def _build(config: TrainConfig, classes: int) -> TrainState:
    backbone = build_network(config.network, config.seed)
    backbone.train()
    head = SFaceHead(classes, config.network.embedding_size, config.head, config.seed)
    optimizer = nn.SGD(
        parameter_groups([backbone, head], config.weight_decay), config.lr, config.momentum, config.weight_decay
    )
    return TrainState(backbone, head, optimizer)


def parameter_groups(modules: list[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Everything that is trained, each Var in exactly one group: BatchNorm without weight decay, the rest with it."""
    plain: list[Any] = []
    decayed: list[Any] = []
    for module in modules:
        trained = parameters(module)
        of_batchnorm = {
            id(var)
            for layer in module.modules()
            if isinstance(layer, nn.BatchNorm)
            for var in (layer.weight, layer.bias)
        }
        for var in trained.values():
            (plain if id(var) in of_batchnorm else decayed).append(var)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _batches(loader: Loader, step: int, last_step: int) -> Iterator[tuple[Batch, int]]:
    """The batches of steps `step` .. `last_step` - 1, each with its epoch."""
    while step < last_step:
        epoch, start = divmod(step, loader.batches_per_epoch)
        for batch in loader.epoch(epoch, start):
            yield batch, epoch
            step += 1
            if step == last_step:
                return


def find_run(outdir: Path, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from, where `resume`.

    Raises UsageError where `outdir` holds one already (without `resume`) or none (with it). A run that ended before its
    first checkpoint left nothing to go on from, and is begun anew.
    """
    if resume:
        if not step_folders(outdir):
            raise UsageError(f"{outdir}: holds no checkpoint to resume; start without --resume")
        return open_checkpoint(outdir)
    if step_folders(outdir):
        raise UsageError(f"{outdir}: already holds a run; go on with --resume, or choose another --outdir")
    return None


def _check_the_same(checkpoint: Checkpoint, data: dict[str, Any], data_root: Path, output: Output) -> None:
    """Whether a run goes on with what it began with. The folder may have another name by now."""
    before = checkpoint.description["data"]
    if (before.get("people"), before.get("images")) != (data["people"], data["images"]):
        raise CheckpointError(
            f"{checkpoint.folder}: trained on {before}, but {data_root} is {data}; give the same set with --data_root"
        )
    if checkpoint.description.get("threads") != threads():
        output.note(
            f"{checkpoint.folder}: trained with {checkpoint.description.get('threads')} threads, now there are "
            f"{threads()}: the weights will differ in their last bits (OMP_NUM_THREADS)"
        )


def _damage(loader: Loader) -> str:
    first = next(iter(loader.unreadable.values()))
    return f"{len(loader.unreadable)} images could not be read and were replaced by others; the first: {first}"


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets, so that the step in progress ends and its state is saved."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    # Without it a signal in the middle of Jittor's compile lock raises an error there.
    for number in handlers:
        signal.siginterrupt(number, False)
    try:
        yield stopped
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _any_rank(stopped: threading.Event) -> bool:
    """Whether any process was told to stop: all must end at the same step."""
    if world_size() == 1:
        return stopped.is_set()
    return mean_over_ranks([float(stopped.is_set())])[0] > 0
