"""Two pieces of work at the same time: results, errors, and that they do run together."""

import os
import signal
import threading
import time
import weakref

import pytest

from sface.processes.side_by_side import side_by_side


def test_both_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)  # broken where one waits for the other to end
    assert side_by_side(lambda: (meeting.wait(), 1)[1], lambda: (meeting.wait(), 2)[1]) == (1, 2)


def fail(text: str) -> int:
    raise ValueError(text)


def test_the_first_ones_error_before_the_second_ones() -> None:
    with pytest.raises(ValueError, match="one"):
        side_by_side(lambda: fail("one"), lambda: 2)
    with pytest.raises(ValueError, match="other"):
        side_by_side(lambda: 1, lambda: fail("other"))
    with pytest.raises(ValueError, match="one"):
        side_by_side(lambda: fail("one"), lambda: fail("other"))


def test_an_interruption_is_raised_when_the_thread_has_ended() -> None:
    ended = threading.Event()

    def interrupt() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(ended.set, interrupt)
    assert ended.is_set()


def test_one_thread_serves_one_caller_again_and_again() -> None:
    threads = {side_by_side(threading.get_ident, lambda: 0)[0] for _ in range(20)}
    assert len(threads) == 1


def test_what_was_given_and_returned_is_not_kept() -> None:
    class Photo:
        pass

    photo = Photo()
    kept = weakref.ref(photo)
    side_by_side(lambda photo=photo: [photo], lambda: 0)  # type: ignore[misc]
    del photo
    end = time.monotonic() + 10
    while kept() is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert kept() is None


def test_a_forked_process_has_workers_of_its_own() -> None:
    side_by_side(lambda: 1, lambda: 2)
    child = os.fork()
    if child == 0:
        os._exit(0 if side_by_side(lambda: 1, lambda: 2) == (1, 2) else 1)
    end = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)
