"""The checkpoints in a run's folder: which one a run goes on from, which are kept, which did best. No Jittor here.

OUT/step-00002000/            a checkpoint (models/weights/checkpoint.py, save_and_restore.py)
OUT/best.json                 the step whose mean accuracy on the verification sets was the highest, and its figures
OUT/damaged-step-00004000/    a checkpoint that could not be read when the run went on from the one before
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import CheckpointError, StorageError, UsageError
from ..evaluate.ten_fold_verification import VerificationResult
from ..files import remove_half_written, write_text
from ..models.weights.checkpoint import (
    BEST,
    Checkpoint,
    best_folder,
    open_checkpoint,
    read_tensors,
    step_folder,
    step_folders,
)
from ..output import Output
from .config import CONFIG
from .reporting.curves import CURVES
from .reporting.run_log import LOG


def find_run(outdir: Path, resume: bool, output: Output) -> Checkpoint | None:
    """The checkpoint to go on from, where `resume`: the newest one that is whole; those that are not are named.

    Raises UsageError where `outdir` holds a run already (without `resume`) or none (with it), and CheckpointError where
    none of its checkpoints is whole. A run that ended before its first checkpoint left nothing to go on from, and is
    begun anew.
    """
    folders = _all_folders(outdir)
    if not resume:
        if folders:
            raise UsageError(
                "already holds a run",
                path=outdir,
                remedy="go on with resume, or choose another outdir",
                argument="resume",
            )
        return None
    if not folders:
        raise UsageError(
            "holds no checkpoint to go on from", path=outdir, remedy="start without resume", argument="resume"
        )
    for folder in reversed(folders):
        try:
            checkpoint = open_checkpoint(folder)
            if step_folder(outdir, checkpoint.description["step"]) != folder:
                raise CheckpointError(
                    f"says of itself that it is of step {checkpoint.description['step']}", path=folder
                )
            for name in checkpoint.description["files"]:
                read_tensors(checkpoint, name)
            return checkpoint
        except CheckpointError as error:
            output.note(f"WARNING: {folder} is damaged, the checkpoint before it is tried: {error}")
    raise CheckpointError(
        f"none of its {len(folders)} checkpoints is whole",
        path=outdir,
        remedy="start anew in another outdir",
        argument="outdir",
    )


def tidy(outdir: Path, step: int) -> None:
    """Before a run goes on from `step`: set aside the later checkpoints, which are damaged, and remove what a crash
    left half-written. Raises StorageError."""
    try:
        for folder in _all_folders(outdir):
            if int(folder.name.removeprefix("step-")) > step:
                aside = outdir / f"damaged-{folder.name}"
                shutil.rmtree(aside, ignore_errors=True)  # the same step may have been damaged before
                folder.rename(aside)
        for left in outdir.glob(".step-*"):
            shutil.rmtree(left)
        for name in (BEST, CONFIG, CURVES, LOG):
            remove_half_written(outdir / name)
    except OSError as error:
        raise StorageError(
            f"can't be tidied up ({error})", path=outdir, remedy="see to it that it can be written to"
        ) from error


def prune(outdir: Path, keep: int) -> None:
    """Remove all checkpoints but the last `keep` and the best."""
    for folder in step_folders(outdir)[:-keep]:
        if folder != best_folder(outdir):
            hidden = folder.rename(outdir / f".{folder.name}.old")  # half a checkpoint must not look like one
            shutil.rmtree(hidden, ignore_errors=True)


def best_accuracy(outdir: Path) -> float:
    """The mean accuracy of the best checkpoint; -1 where there is none."""
    if best_folder(outdir) is None:
        return -1.0
    return float(json.loads((outdir / BEST).read_text(encoding="utf-8"))["mean_accuracy"])


def mark_best(outdir: Path, step: int, results: Sequence[VerificationResult]) -> None:
    """Let the checkpoint of `step`, which must be there, be the best. Raises StorageError."""
    figures = {result.name: asdict(result) for result in results}
    fields = {"step": step, "mean_accuracy": mean_accuracy(results), "verification": figures}
    write_text(outdir / BEST, json.dumps(fields, indent=1) + "\n")


def mean_accuracy(results: Sequence[VerificationResult]) -> float:
    """The mean over the sets."""
    return sum(result.accuracy for result in results) / len(results)


def _all_folders(outdir: Path) -> list[Path]:
    """The checkpoints in a run's folder, the oldest first; also those that have lost their description."""
    return sorted(path for path in outdir.glob("step-*") if path.is_dir() and path.name[5:].isdecimal())
