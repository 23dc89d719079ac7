"""Training runs in processes of their own, which tests signal and kill."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .runs import FILES

PATIENCE = 300  # seconds; a loaded machine compiles slowly


class Process:
    """A command in a session of its own. Its words go to a file, so that it never waits for a reader."""

    def __init__(self, log: Path, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("w") as file:
            self._popen = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=env)
        self.pid = self._popen.pid

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """False where the process ended first."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self._popen.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.02)
        return True

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code."""
        return self._popen.wait(timeout=seconds)

    def kill(self) -> None:
        """Kill it alone, where it has not ended."""
        self._popen.kill()

    def kill_group(self) -> None:
        """Kill what is in its process group, where that has not ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def words(self) -> str:
        """All that it has said, on both streams."""
        return self._log.read_text()

    def wait_for_all(self) -> None:
        """Until nothing of its session runs any more. g++ works to its end; all else ends within a second or two."""
        self.wait()
        deadline = time.monotonic() + 60
        while left := self._left():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def _left(self) -> list[str]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = stat.read_text().rsplit(") ", 1)
            except OSError:
                continue  # it ended meanwhile
            state, _, _, session = fields.split()[:4]
            if state != "Z" and int(session) == self.pid:
                found.append(name)
        return found


def children(pid: int) -> list[int]:
    """Processes that a process has started, the oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_loader(pid: int) -> bool:
    """Whether a process decodes images for a training process."""
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def steps(outdir: Path) -> list[int]:
    """Those of the checkpoints in a run's folder."""
    return sorted(int(folder.name.removeprefix("step-")) for folder in outdir.glob("step-*"))


def same_bits(a: Path, b: Path) -> bool:
    """Whether two checkpoints hold the same network, head and momentum."""
    return all((a / name).read_bytes() == (b / name).read_bytes() for name in FILES)
