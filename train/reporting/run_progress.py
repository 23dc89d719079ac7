"""What a run says while it goes: a bar on a terminal, plain lines elsewhere; and what it leaves of that in its folder:
`log.jsonl`, curves.png (curves.py) and files for TensorBoard (tensorboard.py)."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ...errors import StorageError
from ...files import write_text
from ...output import Output
from .run_log import LOG, read_records

if TYPE_CHECKING:
    from ...evaluate.ten_fold_verification import VerificationResult
    from .tensorboard import EventFile

# Between two verifications the curves are drawn at most once a minute, and in at most one percent of the time.
DRAW_EVERY = 60.0
DRAW_SHARE = 0.01

# How Measurement's figures are grouped in TensorBoard.
_SCALARS = {
    "loss/loss": "loss",
    "loss/intra": "intra",
    "loss/inter": "inter",
    "cosine/genuine": "cos_genuine",
    "cosine/impostor": "cos_impostor",
    "train/top1": "top1",
    "train/lr": "lr",
    "speed/images_per_second": "images_per_second",
    "speed/data_wait": "data_wait",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """Means over the steps since the last one.

    loss          intra + inter; it is negative when training goes well
    cos_genuine   mean cosine of an embedding to its own class, cos_impostor to the other classes
    top1          share of images whose own class is the nearest
    data_wait     share of the time, 0 .. 1, in which a step waited for its images
    seconds_left  until the last step, at the speed of these steps
    """

    step: int
    epoch: int
    lr: float
    loss: float
    intra: float
    inter: float
    cos_genuine: float
    cos_impostor: float
    top1: float
    images_per_second: float
    data_wait: float = 0.0
    seconds_left: float = 0.0

    def text(self) -> str:
        """For people; loss and its two parts, the cosines, top-1."""
        return (
            f"loss {self.loss:.2f} ({self.intra:.2f} {self.inter:+.2f})  cos θ_y {self.cos_genuine:.3f}  "
            f"cos θ_j {self.cos_impostor:.3f}  top-1 {self.top1:.0%}"
        )

    def speed_text(self) -> str:
        """For people; learning rate, speed, share of time waited for data, time left."""
        return (
            f"lr {self.lr:.3g}  {self.images_per_second:.0f} images/s  waiting {self.data_wait:.0%}  "
            f"{duration_text(self.seconds_left)} left"
        )


class Progress:
    """Shows and logs one run. The log is a line of JSON for each measurement and each verification; a resumed run
    continues it, and the files for TensorBoard with it."""

    def __init__(self, outdir: Path, first_step: int, last_step: int, output: Output) -> None:
        self._outdir = outdir
        self._log = outdir / LOG
        self._output = output
        self._first_step, self._last_step = first_step, last_step
        on_terminal = sys.stderr.isatty() and not output.quiet
        self._bar = _Bar(first_step, last_step) if on_terminal else None
        self._events: EventFile | None = None
        self._failed: set[str] = set()
        self._undrawn = False
        self._draw_at = time.monotonic() + DRAW_EVERY
        kept = [record for record in read_records(outdir) if record["step"] <= first_step]
        if first_step or self._log.exists():
            # What a run did after its last checkpoint and before it was killed is done again.
            write_text(self._log, "".join(json.dumps(record) + "\n" for record in kept))

    def step(self) -> None:
        """One step was done."""
        if self._bar is not None:
            self._bar.step()

    def measured(self, measurement: Measurement) -> None:
        """Show and log. Raises StorageError where the log can't be written; without curves or TensorBoard's file the
        run goes on."""
        fields = asdict(measurement)
        self._append(fields)
        self._to_tensorboard(measurement.step, {tag: fields[name] for tag, name in _SCALARS.items()})
        if self._bar is not None:
            self._bar.show(measurement)
        else:
            position = f"step {measurement.step}/{self._last_step}  epoch {measurement.epoch}"
            self._output.note(f"{position}  {measurement.text()}  {measurement.speed_text()}")
        if time.monotonic() >= self._draw_at:
            self._draw()

    def verified(self, step: int, results: Sequence["VerificationResult"], best: bool) -> None:
        """Show and log the figures of one or more sets after `step`; `best`: no mean accuracy before was as high.

        Raises StorageError as `measured`."""
        accuracies = {result.name: result.accuracy for result in results}
        mean = sum(accuracies.values()) / len(accuracies)
        figures = {
            result.name: {key: getattr(result, key) for key in ("accuracy", "std", "threshold", "xnorm")}
            for result in results
        }
        self._append({"step": step, "verification": figures, "mean_accuracy": mean, "best": best})
        tags = {f"verification/{name}": accuracy for name, accuracy in accuracies.items()}
        self._to_tensorboard(step, {**tags, "verification/mean": mean})
        parts = [f"step {step}/{self._last_step}", *(result.text() for result in results)]
        if len(results) > 1:
            parts.append(f"mean {mean:.2%}")
        self.say("  ".join([*parts, "the best so far"] if best else parts))
        self._draw()

    def say(self, line: str) -> None:
        """A line beside the bar."""
        if self._bar is not None:
            self._bar.say(line)
        else:
            self._output.note(line)

    def close(self) -> None:
        """Draw what is not drawn yet and leave the terminal in order; a second call does nothing."""
        if self._undrawn:
            self._draw()
        if self._events is not None:
            self._events.close()
        if self._bar is not None:
            self._bar.close()

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"could not be written ({error.strerror})",
                path=self._log,
                remedy="make room and go on from the last checkpoint",
            ) from error
        self._undrawn = True

    def _to_tensorboard(self, step: int, scalars: Mapping[str, float]) -> None:
        from .tensorboard import FOLDER, EventFile

        def write() -> None:
            if self._events is None:
                self._events = EventFile(self._outdir / FOLDER, self._first_step)
            self._events.add(step, scalars)

        if FOLDER not in self._failed:  # a file that ends in half a record can't be continued
            self._attempt(FOLDER, write)

    def _draw(self) -> None:
        from .curves import CURVES, draw_curves

        start = time.monotonic()
        self._attempt(CURVES, lambda: draw_curves(self._outdir))
        end = time.monotonic()
        self._draw_at = end + max(DRAW_EVERY, (end - start) / DRAW_SHARE)
        self._undrawn = False

    def _attempt(self, name: str, write: Callable[[], object]) -> None:
        """Write what a run can do without. The first failure is said."""
        try:
            write()
        except Exception as error:  # whatever it is, it must not end a training of days
            if name not in self._failed:
                self.say(f"{self._outdir / name}: could not be written; the run goes on without ({error})")
            self._failed.add(name)


class _Bar:
    """Two lines at the bottom of a terminal: how far and how fast; what was measured."""

    def __init__(self, first_step: int, last_step: int) -> None:
        layout = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
        columns = _columns()
        self._steps = tqdm(total=last_step, initial=first_step, bar_format=layout, ncols=columns, file=sys.stderr)
        self._figures = tqdm(total=0, position=1, bar_format="{desc}", ncols=columns, file=sys.stderr)

    def step(self) -> None:
        self._steps.update()

    def show(self, measurement: Measurement) -> None:
        self._steps.ncols = self._figures.ncols = _columns()
        self._steps.set_postfix_str(measurement.speed_text())
        self._figures.set_description_str(measurement.text())

    def say(self, line: str) -> None:
        self._steps.write(line, file=sys.stderr)

    def close(self) -> None:
        self._figures.close()
        self._steps.close()


def _columns() -> int:
    """Width of the terminal. One that doesn't know its width says 0, with which tqdm would draw nothing."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def duration_text(seconds: float) -> str:
    """Such as "45 s", "12 min", "1 h 20 min", "2 d 3 h"."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


class Clock:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds
