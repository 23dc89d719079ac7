"""The training loop, as a story: data, network, head, optimiser; then batch after batch; then a checkpoint.

Nothing in a step waits for the device: what is to be shown is read every LOG_EVERY steps.
"""

import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.image_sets import ImageSet, open_image_set
from ..errors import CheckpointError, DataError, ModelError, UsageError
from ..evaluate.protocols.bin_sets import BinSet
from ..models.weights.checkpoint import Checkpoint, step_folder
from ..output import Output
from ..processes.ranks import AnyRank, sum_over_ranks
from ..runtime.jittor_setup import threads
from ..runtime.mpi_environment import rank, world_size
from .checkpoints import best_accuracy, mark_best, mean_accuracy, prune, tidy
from .config import CONFIG, Resources, TrainConfig
from .device import choose_device, import_jittor, rank_line
from .loading.loader import Batch, Loader
from .network_verification import open_sets, verify_network
from .reporting.meter import LOG_EVERY, Meter
from .reporting.run_log import read_verifications
from .reporting.run_progress import Measurement
from .schedule import learning_rate
from .settings_file import write_settings
from .signals import stop_on_signal
from .teacher import Teacher


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    checkpoint  the folder of the last one
    step        steps done in all
    finished    False where a signal ended the run early
    last        the last measurement; None where no step was done
    unreadable  images that this process could not read and replaced by others
    """

    checkpoint: Path
    step: int
    finished: bool
    last: Measurement | None
    unreadable: int


def run_loop(
    config: TrainConfig, resources: Resources, outdir: Path, checkpoint: Checkpoint | None, output: Output
) -> TrainResult:
    """Train in `outdir`, which `find_run` has looked at, from the beginning or from a checkpoint of the run in it.

    The use case is training_run.py's, which says what is raised.
    """
    choose_device(resources.workers_id)
    own_output, output = output, output if rank() == 0 else Output(quiet=True)
    teacher = _open_teacher(config, resources)
    image_set = open_image_set(Path(resources.data_root), labelled=teacher is None)
    if image_set.size != config.network.input_size:
        raise DataError(
            f"crops of {image_set.size} pixels for a network of {config.network.input_size}",
            path=resources.data_root,
            remedy="input_size must be the set's",
            argument="input_size",
        )
    sets = open_sets(Path(resources.eval_root or resources.data_root), resources.target, image_set.size, output)
    data = {"name": image_set.name, "people": image_set.num_classes, "images": len(image_set)}
    if checkpoint:
        _check_the_same(checkpoint, data, str(resources.data_root))
    with _start_loader(config, resources, image_set, teacher) as loader:
        import_jittor(resources.workers_id)  # not earlier: the loader's processes must be there before
        run = _Run(config, resources, outdir, data, sets, loader.batches_per_epoch)
        step = run.begin(checkpoint, output)
        last_step = min(config.epochs * loader.batches_per_epoch, config.max_steps or sys.maxsize)
        if rank() == 0:
            tidy(outdir, step)  # also where no step is left: a run may be killed while it draws its last curves
        if checkpoint and step >= last_step and not run.left_out_verification(step):
            return TrainResult(checkpoint.folder, step, finished=True, last=None, unreadable=0)
        if rank() == 0:
            write_settings(outdir / CONFIG, config, resources)
        own_output.note(rank_line(config.batch_size, resources.num_workers))
        with closing(Meter(outdir, step, last_step, config, loader, output)) as meter, stop_on_signal() as stopped:
            step, last = _steps(run, loader, meter, step, last_step, stopped)
        finished = step >= last_step and not run.left_out_verification(step)
        return TrainResult(step_folder(outdir, step), step, finished, last, len(loader.unreadable))


def _steps(
    run: "_Run", loader: Loader, meter: Meter, step: int, last_step: int, stopped: threading.Event
) -> tuple[int, Measurement | None]:
    """Steps `step` .. `last_step` - 1, or as far as a signal lets them; the steps done and the last measurement."""
    config, last, any_rank = run.config, None, AnyRank()
    if run.left_out_verification(step) and not run.verify(step, meter, stopped):
        return step, last
    for batch in loader.batches(step, last_step):
        rate = learning_rate(config, step, loader.batches_per_epoch)
        meter.stepped(run.train_step(batch, step, rate))
        step += 1
        stop = any_rank.asks(stopped.is_set())
        ends = stop or step == last_step
        to_save = ends or step % config.save_every == 0
        to_verify = bool(run.sets) and step % config.eval_every == 0
        if to_save or to_verify or step % LOG_EVERY == 0:
            last = meter.read(step, batch.epoch, rate)
        if to_save:
            run.save(step)
        if to_verify and not stop and not run.verify(step, meter, stopped):
            stop = True
            run.save(step)
        if stop:
            break
    any_rank.close()
    return step, last


class _Run:
    """What a run is made of, and what is done with it beside its steps. Every process has one."""

    def __init__(
        self,
        config: TrainConfig,
        resources: Resources,
        outdir: Path,
        data: dict[str, Any],
        sets: Sequence[BinSet],
        steps_per_epoch: int,
    ) -> None:
        from .step import build_state

        self.config, self.sets = config, sets
        self._resources, self._outdir, self._data, self._steps_per_epoch = resources, outdir, data, steps_per_epoch
        self._state = build_state(config, data["people"])
        self._saved: int | None = None  # the step of the last checkpoint

    def begin(self, checkpoint: Checkpoint | None, output: Output) -> int:
        """Put back a checkpoint, or the first weights that were asked for; returns the steps done."""
        import jittor as jt

        from .save_and_restore import restore_checkpoint
        from .step import load_first_weights

        if checkpoint is None:
            load_first_weights(self._state, self.config, self._resources)
        else:
            restore_checkpoint(checkpoint, self._state)
        # What is left to be computed would become part of the first step's operators, which then round otherwise.
        jt.sync_all(True)
        if checkpoint is None:
            return 0
        step = self._saved = int(checkpoint.description["step"])
        before = checkpoint.description.get("threads")
        if before != threads():
            output.note(
                f"{checkpoint.folder}: was saved by processes with {before} threads each and goes on with {threads()}; "
                "weights will differ by rounding from a run without this change"
            )
        if sum_over_ranks(np.array([float(step)])) != step * world_size():
            raise CheckpointError(
                "processes see different checkpoints in it; all need the same folder", path=self._outdir
            )
        return step

    def train_step(self, batch: Batch, step: int, rate: float) -> Any:
        from .step import train_step

        return train_step(self._state, batch, self.config, step, rate)

    def save(self, step: int) -> None:
        """Write a checkpoint unless there is one of this step, and remove those that are not kept."""
        from .save_and_restore import save_checkpoint

        if step != self._saved:
            save_checkpoint(
                self._outdir, self._state, self.config, self._resources, step, self._steps_per_epoch, self._data
            )
            self._saved = step
        if rank() == 0:
            prune(self._outdir, self.config.keep)

    def verify(self, step: int, meter: Meter, stopped: threading.Event) -> bool:
        """Figures on the verification sets; the best network so far is saved. False where a signal broke it off."""
        results = verify_network(self._state.backbone, self.sets, stopped)
        if results is None:
            return False
        best = _process_0_says(rank() == 0 and mean_accuracy(results) > best_accuracy(self._outdir))
        if best:
            self.save(step)
            if rank() == 0:
                mark_best(self._outdir, step, results)
                prune(self._outdir, self.config.keep)
        meter.verified(step, results, best)
        return True

    def left_out_verification(self, step: int) -> bool:
        """Whether a run was stopped after a step, or killed, before it came to the step's verification."""
        if not self.sets or step == 0 or step % self.config.eval_every:
            return False
        done = rank() == 0 and any(record["step"] == step for record in read_verifications(self._outdir))
        return not _process_0_says(done)


def _open_teacher(config: TrainConfig, resources: Resources) -> Teacher | None:
    if config.teacher is None:
        return None
    if resources.teacher is None:
        raise UsageError(
            f"teacher: name the file of {config.teacher.name}, from which the run learns", argument="teacher"
        )
    teacher = Teacher(Path(resources.teacher), resources.preprocess)
    if teacher.sha256 != config.teacher.sha256:
        raise ModelError(
            "is not the file that this run began with",
            path=resources.teacher,
            remedy="name that one as teacher",
            argument="teacher",
        )
    sizes = {"embedding_size": teacher.embedding_size, "input_size": teacher.input_size}
    for name, size in sizes.items():
        if getattr(config.network, name) != size:
            raise UsageError(
                f"{name} {getattr(config.network, name)}: the teacher's is {size}", remedy="leave it out", argument=name
            )
    return teacher


def _start_loader(config: TrainConfig, resources: Resources, image_set: ImageSet, teacher: Teacher | None) -> Loader:
    share = config.batch_size // world_size()
    if share % config.accumulate:
        raise UsageError(
            f"accumulate {config.accumulate}: can't cut a process's {share} images of a batch evenly",
            argument="accumulate",
        )
    return Loader(
        image_set,
        batch_size=config.batch_size,
        seed=config.seed,
        rank=rank(),
        ranks=world_size(),
        workers=resources.num_workers,
        augment=config.augment,
        teacher=teacher,
    )


def _check_the_same(checkpoint: Checkpoint, data: dict[str, Any], data_root: str) -> None:
    """Whether a run goes on with what it began with. The folder may have another name by now."""
    before = checkpoint.description["data"]
    if (before.get("people"), before.get("images")) != (data["people"], data["images"]):
        raise CheckpointError(
            f"trained on {before}, but {data_root} is {data}",
            path=checkpoint.folder,
            remedy="give the same set as data_root",
            argument="data_root",
        )


def _process_0_says(yes: bool) -> bool:
    """What process 0 found out, in all processes; the others say False."""
    return bool(sum_over_ranks(np.array([float(yes)]))[0])
