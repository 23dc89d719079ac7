"""Work by processes of one thread each, as many as there are cores, with the results in order.

The processes are spawned, not forked. They leave signals to the process that started them, and end at once when it
wants no more of them, or is killed.
"""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, TypeVar

from ..errors import SFaceError
from ..runtime.mpi_environment import share_of_cores

Tools = TypeVar("Tools")
Job = TypeVar("Job")
Result = TypeVar("Result")

MOST = 61  # processes: Windows waits for no more
AHEAD = 4  # jobs of each process that may be done before they are asked for
_SIGNAL_CHECK = 0.1  # seconds
_SENT_WITHIN = 2.0  # seconds that a result takes at most to reach a parent that reads it
_ANSWERED_HERE = (signal.SIGINT, signal.SIGTERM)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def cores() -> int:
    """Cores that this process may use; under `mpirun`, its share of the machine's."""
    return share_of_cores() if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def in_processes(
    start: Callable[[], Tools], work: Callable[[Tools, Job], Result], jobs: Sequence[Job]
) -> Iterator[Iterator[Result]]:
    """Gives `work(tools, job)` of each job, in the jobs' order. On leaving the context the processes are ended.

    start  makes what a process needs for its work, once; called in the process
    Both are functions of a module, or partials of such; they are pickled, as are jobs and results.

    What `start` or `work` raises is raised in the job's turn; SFaceError where a process is ended from outside. Only so
    many results wait as keep the processes busy.
    """
    context = get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    count = max(1, min(cores(), len(jobs), MOST))
    with _answering_later() as answer_signals:
        pool = ProcessPoolExecutor(count, context, _begin, (lifeline, start))
        try:
            yield _results(pool, AHEAD * count, work, jobs, answer_signals)
        except BrokenProcessPool as error:
            raise SFaceError("a worker process was ended from outside, perhaps for want of memory") from error
        finally:
            held.close()
            pool.shutdown(cancel_futures=True)
            lifeline.close()


@contextmanager
def _answering_later() -> Iterator[Callable[[], None]]:
    """Signals are answered, as they were before, when the function that this gives is called, and at the end.

    A KeyboardInterrupt between two lines of Python's pool would leave a lock of it held for ever.
    """
    caught: list[tuple[int, FrameType | None]] = []
    before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def answer() -> None:
        while caught:
            number, frame = caught.pop(0)
            before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in _ANSWERED_HERE:
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, lambda *signal_and_frame: caught.append(signal_and_frame))
    try:
        yield answer
    finally:
        for own, handler in before.items():
            signal.signal(own, handler)
        answer()


def _results(
    pool: ProcessPoolExecutor,
    ahead: int,
    work: Callable[[Tools, Job], Result],
    jobs: Iterable[Job],
    answer_signals: Callable[[], None],
) -> Iterator[Result]:
    remaining = iter(jobs)
    waiting: list[Future[Result]] = []
    while True:
        with starting_processes(_ANSWERED_HERE):
            waiting.extend(pool.submit(_do, work, job) for job in islice(remaining, ahead - len(waiting)))
        answer_signals()
        if not waiting:
            return
        while not wait(waiting[:1], timeout=_SIGNAL_CHECK).done:
            answer_signals()
        yield waiting.pop(0).result()


@contextmanager
def starting_processes(blocked: Iterable[signal.Signals]) -> Iterator[None]:
    """What spawned processes inherit, for the time of starting them: one thread each, and the signals blocked that
    the parent answers. Ctrl-C reaches all of them, and so does what mpirun passes on."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        if sys.platform == "win32":
            yield
        else:
            from multiprocessing import resource_tracker

            resource_tracker.ensure_running()  # multiprocessing's own; its start would unblock the signals
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


# Of each process: what makes its tools, and the tools once they are made.
_start: Callable[[], Any]
_tools: list[Any] = []
_between_jobs = threading.Lock()  # held while the process has no job; it may be sending the last one's result


def _begin(lifeline: Connection, start: Callable[[], Any]) -> None:
    from ..runtime.opencv import cv2

    global _start
    _start = start
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, which can't block it
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # as in the process that runs the command
    cv2.setNumThreads(1)
    _between_jobs.acquire()
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()


def _end_with_parent(lifeline: Connection) -> None:
    """Wait until the other end is closed, by the parent or, where that was killed, by the system; end then, at once
    where a job is being done. The parent would wait for ever for the rest of a result that is half sent."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    _between_jobs.acquire(timeout=_SENT_WITHIN)
    os._exit(1)


def _do(work: Callable[[Any, Job], Result], job: Job) -> Result:
    _between_jobs.release()
    try:
        if not _tools:
            _tools.append(_start())  # not in `_begin`: what that raises doesn't reach the parent
        return work(_tools[0], job)
    finally:
        _between_jobs.acquire()
