"""Two pieces of work at the same time: results, errors, and that they do run together."""

import threading

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
