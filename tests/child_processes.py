"""Work by processes for tests: commands that are interrupted while they work, and the same work in this process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def interrupt(arguments: Sequence[str], number: signal.Signals, when_there: Path, pattern: str) -> tuple[int, str]:
    """Run `sface ARGUMENTS`, send the signal as soon as a file of that pattern lies in the folder; code and stderr.

    SIGINT goes to all its processes, as a terminal's Ctrl-C does; another one to the first alone.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "sface", *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    deadline = time.monotonic() + 60
    while not any(when_there.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    err = process.communicate(timeout=60)[1]  # ends when all have closed stderr
    while is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process.returncode, err


@contextmanager
def in_this_process(start: Any, work: Any, jobs: Any) -> Iterator[Iterator[Any]]:
    """In place of `sface.processes.parallel.in_processes`."""
    tools = start() if jobs else None
    yield (work(tools, job) for job in jobs)


def is_alive(group: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(process: int) -> bool:
    """Whether the process is there and more than an entry that waits for its parent."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
