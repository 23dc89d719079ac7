"""What a run says while it goes: a bar on a terminal, plain lines elsewhere, and `log.jsonl` in the run's folder."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import StorageError
from ..files import write_text
from ..output import Output

LOG = "log.jsonl"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Means over the steps since the last one.

    loss          intra + inter; it is negative when training goes well
    cos_genuine   mean cosine of an embedding to its own class, cos_impostor to the other classes
    top1          share of images whose own class is the nearest
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

    def text(self) -> str:
        """For people; loss and its two parts, the cosines, top-1."""
        return (
            f"loss {self.loss:.2f} ({self.intra:.2f} {self.inter:+.2f})  cos θ_y {self.cos_genuine:.3f}  "
            f"cos θ_j {self.cos_impostor:.3f}  top-1 {self.top1:.0%}  {self.images_per_second:.0f} images/s"
        )


class Progress:
    """Shows and logs one run. The log is a line of JSON for each measurement; a resumed run continues it."""

    def __init__(self, outdir: Path, first_step: int, last_step: int, output: Output) -> None:
        self._log = outdir / LOG
        self._output = output
        self._last_step = last_step
        on_terminal = sys.stderr.isatty() and not output.quiet
        self._bar = tqdm(total=last_step, initial=first_step, unit="step", desc="train") if on_terminal else None
        kept = [record for record in read_log(outdir) if record["step"] <= first_step]
        if first_step or self._log.exists():
            # What a run did after its last checkpoint and before it was killed is done again.
            write_text(self._log, "".join(json.dumps(record) + "\n" for record in kept))

    def step(self) -> None:
        """One step was done."""
        if self._bar is not None:
            self._bar.update()

    def measured(self, measurement: Measurement) -> None:
        """Show and log."""
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(measurement)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"{self._log}: could not be written ({error.strerror}); make room and go on from the last checkpoint"
            ) from error
        if self._bar is not None:
            self._bar.set_postfix_str(measurement.text())
        else:
            position = f"step {measurement.step}/{self._last_step}  epoch {measurement.epoch}  lr {measurement.lr:g}"
            self._output.note(f"{position}  {measurement.text()}")

    def say(self, line: str) -> None:
        """A line beside the bar."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            self._output.note(line)

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()


def read_log(outdir: Path) -> list[Mapping[str, Any]]:
    """The measurements of a run so far; a last line that was cut off by a crash is left out."""
    try:
        lines = (outdir / LOG).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


class Clock:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds
