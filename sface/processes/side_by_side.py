"""Two pieces of work at the same time, one of them in a thread."""

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def side_by_side(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What both give; `first` is called in another thread. Worth it where the work leaves the GIL alone, as decoding,
    OpenCV and onnxruntime do.

    What `first` raises is raised, else what `second` raises, when both have ended.
    """
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.begin(first)
    failure: Exception | None = None
    try:
        value = second()
    except Exception as error:
        failure = error
    finally:
        result, problem = worker.end()
        _idle.append(worker)
    for raised in (problem, failure):
        if raised is not None:
            raise raised
    return result, value


class _Worker:
    """A thread that is kept for the next piece of work: in a new one memory has to be found again, and two photos take
    0.5 to 2 ms longer."""

    def __init__(self) -> None:
        self._given, self._done = threading.Lock(), threading.Lock()
        self._given.acquire()
        self._done.acquire()
        self._work: Callable[[], Any] | None = None
        self._result: Any = None
        self._problem: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._given.release()

    def end(self) -> tuple[Any, BaseException | None]:
        """Wait; what the work gave and what it raised. Nothing of it is kept."""
        self._done.acquire()
        ended = self._result, self._problem
        self._result = self._problem = None
        return ended

    def _run(self) -> None:
        while True:
            self._given.acquire()
            work, self._work = self._work, None
            try:
                assert work is not None
                self._result = work()
            except BaseException as problem:
                self._problem = problem
            del work  # with the photo that it holds
            self._done.release()


# Workers that wait for work: as many as threads have called at once. A child process inherits none of the threads.
_idle: list[_Worker] = []
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_idle.clear)
