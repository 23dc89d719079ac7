"""Work by several threads: its order, how far it goes ahead, and its ends."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from sface.processes.read_ahead import read_ahead


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 500])
def test_results_are_in_the_order_of_the_items(count: int) -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.02 if item % 64 == 0 else 0)  # later chunks are done earlier
        return item * item

    assert list(read_ahead(slow_at_first, range(count))) == [item * item for item in range(count)]


def test_several_threads_work_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=30)

    def meet(item: int) -> int:
        if item % 32 == 0:
            meeting.wait()
        return item

    assert list(read_ahead(meet, range(6 * 32))) == list(range(6 * 32))


def test_it_goes_ahead_only_so_far() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(10_000):
            taken.append(item)
            yield item

    results = read_ahead(str, items())
    for _ in range(1000):
        next(results)
    assert len(taken) < 1000 + 8 * 32
    results.close()


def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    done = set()

    def work(item: int) -> int:
        if item == 100:
            raise ValueError("at 100")
        done.add(item)
        return item

    results, before = read_ahead(work, range(10_000)), threading.active_count()
    with pytest.raises(ValueError, match="at 100"):
        for expected, result in enumerate(results):
            assert result == expected
    assert expected >= 95  # the chunk in which it happened has no results
    assert max(done) < 1000
    assert threading.active_count() == before


def test_nothing_goes_on_after_close() -> None:
    before = threading.active_count()
    results = read_ahead(str, range(10_000))
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before


def test_threads_chunk_and_depth_are_the_callers() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    def who(_item: int) -> str:
        return threading.current_thread().name

    results = read_ahead(who, items(), threads=1, chunk=1, depth=2)
    names = {next(results)}
    assert taken == [0, 1]
    names |= set(results)
    assert len(names) == 1
