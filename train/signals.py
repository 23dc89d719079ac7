"""Signals that ask a run to end: the step in progress is done, its state saved.

SIGUSR1 is one of them for the sake of mpirun, which passes it on and goes on itself. SIGTERM it passes on too, but
kills all processes a quarter of a second later.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that each of STOPPING sets. To be entered after Jittor's import, which has handlers of its own."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    handlers = {number: signal.signal(number, stop) for number in STOPPING}
    # Without it a signal in the middle of Jittor's compile lock raises an error there.
    for number in handlers:
        signal.siginterrupt(number, False)
    try:
        yield stopped
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
