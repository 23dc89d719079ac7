"""What a run's steps measure, kept on the device until it is time to read it, and then shown and logged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DivergedError
from ...evaluate.ten_fold_verification import VerificationResult
from ...output import Output
from ...processes.ranks import sum_over_ranks
from ...runtime.mpi_environment import rank, world_size
from ..config import TrainConfig
from ..loading.loader import Loader
from .run_progress import Clock, Measurement, Progress

LOG_EVERY = 20
# What a step measures, fields of HeadOutput and of Measurement.
STEP_FIGURES = ("loss", "intra", "inter", "cos_genuine", "cos_impostor", "top1")


class Meter:
    """Means over steps and processes. Every process has one; that of process 0 shows and logs."""

    def __init__(
        self, outdir: Path, step: int, last_step: int, config: TrainConfig, loader: Loader, output: Output
    ) -> None:
        self._outdir, self._last_step, self._batch_size, self._loader = outdir, last_step, config.batch_size, loader
        self._progress = Progress(outdir, step, last_step, output) if rank() == 0 else None
        self._window: list[Any] = []
        self._clock = Clock()
        self._waited = loader.waited
        self._reported = 0  # unreadable images

    def stepped(self, figures: Any) -> None:
        """One step was done; `figures`: STEP_FIGURES as a Var, float32 (6,), which is not read yet."""
        self._window.append(figures)
        if self._progress:
            self._progress.step()

    def read(self, step: int, epoch: int, rate: float) -> Measurement:
        """Means over the steps since the last reading, shown and logged. All processes must call it.

        Raises DivergedError where the loss is not a number.
        """
        own = np.mean([var.numpy() for var in self._window], axis=0, dtype=np.float64)
        means = sum_over_ranks(own) / world_size()
        if not np.isfinite(means).all():
            raise DivergedError(
                f"the loss is not a number at step {step}",
                path=self._outdir,
                remedy="go on from the last checkpoint, or start again, with a lower lr",
                argument="lr",
            )
        seconds, steps = self._clock.lap(), len(self._window)
        measurement = Measurement(
            step=step,
            epoch=epoch,
            lr=rate,
            images_per_second=steps * self._batch_size / seconds,
            data_wait=min(1.0, (self._loader.waited - self._waited) / seconds),
            seconds_left=(self._last_step - step) * seconds / steps,
            **dict(zip(STEP_FIGURES, means.tolist(), strict=True)),
        )
        self._window.clear()
        self._waited = self._loader.waited
        if self._progress:
            self._progress.measured(measurement)
            unreadable = self._loader.unreadable
            if len(unreadable) > self._reported:
                self._reported = len(unreadable)
                first = next(iter(unreadable.values()))
                self._progress.say(
                    f"{len(unreadable)} images could not be read and were replaced by others; the first: {first}"
                )
        return measurement

    def verified(self, step: int, results: Sequence[VerificationResult], best: bool) -> None:
        """Show and log; the time it took is not the steps'."""
        if self._progress:
            self._progress.verified(step, results, best)
        self._clock.lap()

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._progress:
            self._progress.close()
