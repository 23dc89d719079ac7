"""Work by processes: its order, what is raised, and that no process outlives whoever started it."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sface.errors import ImageError, ModelError, SFaceError
from sface.processes import parallel
from sface.processes.parallel import in_processes
from tests.paths import REPOSITORY

from ..child_processes import is_running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: 2)


def make_tools(folder: Path) -> Path:
    (folder / f"started-{os.getpid()}").touch()
    return folder


def work(folder: Path, job: int) -> tuple[int, int]:
    time.sleep(0.1 if job % 2 == 0 else 0)  # the later ones are done earlier
    (folder / f"done-{job}").touch()
    if job == 1000:
        raise ImageError("job 1000: is no picture")
    if job == 2000:
        os.kill(os.getpid(), signal.SIGKILL)
    return job, os.getpid()


def test_results_in_order_by_two_processes_that_start_once(tmp_path: Path) -> None:
    with in_processes(partial(make_tools, tmp_path), work, range(10)) as results:
        first = next(results)
        assert first[0] == 0
        time.sleep(1)
        rest = list(results)
    assert [job for job, _ in rest] == list(range(1, 10))
    processes = {process for _, process in (first, *rest)}
    assert len(processes) == 2 and os.getpid() not in processes
    assert {path.name for path in tmp_path.glob("started-*")} == {f"started-{process}" for process in processes}


def test_only_so_many_are_done_ahead(tmp_path: Path) -> None:
    with in_processes(partial(make_tools, tmp_path), work, range(1, 41, 2)) as results:
        next(results)
        time.sleep(1)
        assert len(list(tmp_path.glob("done-*"))) == 2 * parallel.AHEAD


def test_no_jobs() -> None:
    with in_processes(partial(make_tools, Path("nowhere")), work, list[int]()) as results:
        assert list(results) == []


def refuse() -> Path:
    raise ModelError("m.onnx: is no network")


def test_what_is_raised(tmp_path: Path) -> None:
    start = partial(make_tools, tmp_path)
    with pytest.raises(ImageError, match="job 1000: is no picture"), in_processes(start, work, [1, 1000]) as results:
        list(results)
    with pytest.raises(ModelError, match=r"m\.onnx: is no network"), in_processes(refuse, work, [1]) as results:
        list(results)
    with pytest.raises(SFaceError, match="ended from outside"), in_processes(start, work, [1, 2000]) as results:
        list(results)


def sleep(started: Path, job: int) -> None:
    (started / f"sleeping-{os.getpid()}").touch()
    time.sleep(600)


def sleepers(folder: Path) -> list[int]:
    deadline = time.monotonic() + 60
    while len(found := list(folder.glob("sleeping-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [int(path.name.split("-")[1]) for path in found]


def test_leaving_ends_processes_that_are_at_work(tmp_path: Path) -> None:
    def press_ctrl_c() -> None:
        sleepers(tmp_path)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c).start()
    with pytest.raises(KeyboardInterrupt), in_processes(partial(make_tools, tmp_path), sleep, [1, 2]) as results:
        next(results)
    assert not any(is_running(process) for process in sleepers(tmp_path))


def test_a_killed_parent_takes_its_processes_along(tmp_path: Path) -> None:
    code = (
        "from functools import partial\nfrom pathlib import Path\nimport sys\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from sface.processes import parallel\nfrom tests.processes.test_parallel import make_tools, sleep\n"
        "parallel.cores = lambda: 2\n"
        f"with parallel.in_processes(partial(make_tools, Path({str(tmp_path)!r})), sleep, [1, 2]) as results:\n"
        "    list(results)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    processes = sleepers(tmp_path)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(is_running(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def report(_: None, __: int) -> tuple[str | None, set[int], bool]:
    blocked = {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])}
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("seen?", stacklevel=1)
    return os.environ.get("OMP_NUM_THREADS"), blocked, bool(caught)


def nothing() -> None:
    return None


def test_what_a_process_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with in_processes(nothing, report, [1]) as results:
        threads, blocked, warned = next(results)
    assert threads == "1"
    assert {signal.SIGINT, signal.SIGTERM} <= blocked
    assert not warned
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def sleep_a_little(_tools: None, job: int) -> int:
    time.sleep(0.002)
    return job


def give_much(_tools: None, job: int) -> bytes:
    return bytes(1_000_000)  # more than a pipe holds: it is sent for longer than it is made


INTERRUPTED = """
import signal, threading, time
from tests.processes.test_parallel import {work}, nothing
from sface.processes.parallel import in_processes

def interrupt_soon():
    time.sleep({delay})
    signal.raise_signal(signal.SIGINT)

with in_processes(nothing, {work}, range(10**6)) as results:
    next(results)
    threading.Thread(target=interrupt_soon).start()
    for _ in results:
        pass
"""


@pytest.mark.parametrize("work", [sleep_a_little, give_much])
@pytest.mark.parametrize("number", range(6))
def test_an_interruption_at_any_moment_ends_it(number: int, work: Callable[[None, int], object]) -> None:
    """Python's pool keeps its locks where an exception comes between two of its lines, and waits for the rest of what a
    process has half sent; the end would wait for them."""
    code = INTERRUPTED.format(delay=0.02 + 0.0137 * number, work=work.__name__)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=REPOSITORY,
    )
    assert done.returncode in (1, -signal.SIGINT)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
