"""A whole training run in one call: what `sface train` does. Jittor is imported when the run begins, not before."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import Output
from ..processes.ranks import failing_together
from ..runtime import dependencies
from ..runtime.mpi_environment import rank
from .config import PATHS, Resources, TrainConfig
from .run_settings import Settings, refuse_changes, settings_for
from .settings_file import settings_of

if TYPE_CHECKING:
    from ..models.weights.checkpoint import Checkpoint
    from .loop import TrainResult


def train(
    config: TrainConfig,
    resources: Resources,
    outdir: str | os.PathLike[str],
    *,
    resume: bool = False,
    output: Output | None = None,
) -> "TrainResult":
    """Train a network, and leave checkpoints, `config.json`, `log.jsonl` and curves in the folder `outdir`.

    resume: go on from the last checkpoint in `outdir` that is whole; on the CPU with one process the run reaches the
        same bits as without a stop. `config` may then have another end, and save and verify at other steps; all else
        must be the run's (`read_settings` gives it). `resources` may be others, but for first weights, which aren't
        read again.
    output: where progress and notes go (default: nowhere).

    With `num_workers` or a teacher processes are spawned: in a script call it below `if __name__ == "__main__":`.

    SIGTERM, SIGINT or SIGUSR1 saves and ends the run. In several processes (`mpirun`) all of them call this; an error
    in one of them ends all.

    Raises UsageError where `outdir` holds a run already (without `resume`) or none (with it), where `config` is another
    than that of the run to resume, where the GPUs that `resources` names can't be had or a batch can't be shared out;
    DataError where a set can't be used; CheckpointError where a checkpoint or first weights can't be used; ModelError
    where the teacher can't; DivergedError where the loss is no longer a number; StorageError where the disk refuses;
    DependencyError where a package is missing.
    """

    def settings(checkpoint: "Checkpoint | None") -> Settings:
        if checkpoint is not None:
            refuse_changes(settings_of(checkpoint)[0], config)
        return config, _absolute(resources)

    return _run(settings, outdir, resume, output)


def train_with_options(
    options: Mapping[str, Any],
    outdir: str | os.PathLike[str],
    *,
    resume: bool = False,
    output: Output | None = None,
) -> "TrainResult":
    """Train with the options of the command `sface train`, by their names: {"net": "MobileFaceNet", "param_s": 64.0}.

    What is not given has the command's defaults; with `resume` it is what the run had, so that none need be given;
    with the option "config" it is what another run had. `settings_for` says more. All else is as in `train`. By default
    it spawns processes that decode images.
    """
    return _run(lambda checkpoint: settings_for(options, checkpoint), outdir, resume, output)


def _absolute(resources: Resources) -> Resources:
    """With absolute paths: the run may be repeated from another folder."""
    paths = {name: path for name in PATHS if (path := getattr(resources, name)) is not None}
    absolute: dict[str, Any] = {name: Path(path).absolute() for name, path in paths.items()}
    return replace(resources, **absolute)


def _run(
    settings: "Callable[[Checkpoint | None], Settings]",
    outdir: str | os.PathLike[str],
    resume: bool,
    output: Output | None,
) -> "TrainResult":
    dependencies.require_extra("train")  # Jittor comes later: the loader's processes are there before it

    from .checkpoints import find_run
    from .loop import run_loop

    output = output or Output(quiet=True)
    folder = Path(outdir)
    with failing_together(output):
        checkpoint = find_run(folder, resume, output if rank() == 0 else Output(quiet=True))
        config, resources = settings(checkpoint)
        return run_loop(config, resources, folder, checkpoint, output)
