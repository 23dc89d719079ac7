"""The loader with processes of its own: the same batches, their ends, and what they leave behind."""

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.datasets.image_sets import open_image_set
from sface.errors import DataError, SFaceError, UsageError
from sface.train.config import AugmentConfig
from sface.train.loading.loader import Loader
from tests.paths import REPOSITORY

from ...child_processes import is_running
from ...datasets.odd_set import COUNT, OddSet

Batches = list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], int]]


def workers() -> list[multiprocessing.process.BaseProcess]:
    return [process for process in multiprocessing.active_children() if process.name.startswith("sface-loader")]


def mapped() -> bool:
    """Whether the memory of a loader is still held by this process."""
    return "sface-loader" in Path("/proc/self/maps").read_text()


def segments() -> set[str]:
    """Names of shared memory that Python's own multiprocessing, or a loader, would leave behind."""
    return {path.name for path in Path("/dev/shm").iterdir() if path.name.startswith(("psm_", "sem.", "sface"))}


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def copied(loader: Loader, first: int, last: int) -> Batches:
    return [(batch.images.copy(), batch.targets.copy(), batch.epoch) for batch in loader.batches(first, last)]


def equal(some: Batches, others: Batches) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) and a[2] == b[2]
        for a, b in zip(some, others, strict=True)
    )


@pytest.mark.slow
@settings(max_examples=6, deadline=None)  # each starts processes
@given(
    processes=st.integers(1, 3),
    ranks=st.sampled_from([1, 2]),
    batch_size=st.sampled_from([8, 50, 200]),
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 60),
    count=st.integers(0, 30),
    augment=st.sampled_from([AugmentConfig(), AugmentConfig(0.5, 0.5, 0.5, 0.5, 0.5)]),
)
def test_ranks_processes_and_resume_change_nothing(
    processes: int, ranks: int, batch_size: int, seed: int, first: int, count: int, augment: AugmentConfig
) -> None:
    images = OddSet({3: "unreadable"})
    whole = copied(Loader(images, batch_size=batch_size, seed=seed, augment=augment), 0, first + count)
    shares = []
    for rank in range(ranks):
        with Loader(
            images, batch_size=batch_size, seed=seed, rank=rank, ranks=ranks, workers=processes, augment=augment
        ) as loader:
            shares.append(copied(loader, first, first + count))
    joined = [
        (np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), parts[0][2])
        for parts in zip(*shares, strict=True)
    ]
    assert equal(joined, whole[first:])


def test_real_records(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    plain = copied(Loader(images, batch_size=256, seed=1337), 20, 28)  # over the end of an epoch
    with Loader(images, batch_size=256, seed=1337, workers=2) as loader:
        assert equal(copied(loader, 20, 28), plain)
        assert loader.unreadable == {}


def test_listed_pictures(drawn_set: Path) -> None:
    images = open_image_set(drawn_set)
    augment = AugmentConfig(0.5, 0.5, 0.5)
    plain = copied(Loader(images, batch_size=16, seed=1, augment=augment), 0, 4)
    with Loader(images, batch_size=16, seed=1, workers=2, augment=augment) as loader:
        assert equal(copied(loader, 0, 4), plain)


def test_batches_asked_for_again() -> None:
    plain = copied(Loader(OddSet({}), batch_size=20, seed=1), 0, 30)
    with Loader(OddSet({}), batch_size=20, seed=1, workers=2) as loader:
        for first, last in ((0, 30), (5, 6), (17, 30), (17, 30)):
            batches = loader.batches(first, last)
            for step in range(first, min(last, first + 4)):  # and not to the end
                batch = next(batches)
                assert np.array_equal(batch.images, plain[step][0])
                assert np.array_equal(batch.targets, plain[step][1])
        earlier = loader.batches(0, 30)
        next(earlier)
        assert equal(copied(loader, 0, 30), plain)
        with pytest.raises(RuntimeError, match="only one iterator of batches"):
            list(earlier)


def test_a_batch_stays_until_the_next_is_asked_for() -> None:
    plain = copied(Loader(OddSet({}), batch_size=20, seed=1), 0, 40)
    with Loader(OddSet({}), batch_size=20, seed=1, workers=2) as loader:
        for step, batch in enumerate(loader.batches(0, 40)):
            time.sleep(0.01)  # the processes fill all that they may
            assert np.array_equal(batch.images, plain[step][0])


def test_processes_work_ahead_and_waiting_is_counted() -> None:
    with Loader(OddSet({}, delay=0.005), batch_size=20, seed=1, workers=2) as loader:
        batches = loader.batches(0, 20)
        next(batches)
        assert loader.waited > 0.08  # a batch takes 0.1 s
        time.sleep(1)
        ready = loader.waited
        for _ in range(5):
            next(batches)
        assert loader.waited - ready < 0.2  # making them takes 0.25 s
        for _ in batches:
            pass
        assert loader.waited - ready > 0.3  # 14 batches, two at a time


def test_damaged_pictures_are_replaced_and_counted_once() -> None:
    images = OddSet({10: "unreadable", 11: "unreadable"})
    with Loader(images, batch_size=50, seed=1, workers=3) as loader:
        for batch in loader.batches(0, 12):
            assert np.array_equal(batch.images[:, 0, 0, 0], batch.targets)
            assert not np.isin(batch.targets, [10, 11]).any()
        assert loader.unreadable == {10: "picture 10 is torn", 11: "picture 11 is torn"}


def test_more_than_one_percent_of_damaged_pictures_in_all_processes_together() -> None:
    images = OddSet(dict.fromkeys((1, 2, 3), "unreadable"))
    with (
        Loader(images, batch_size=10, seed=1, workers=3) as loader,
        pytest.raises(
            DataError, match=r"odd: 3 of 200 images can't be read, more than 1%.*picture \d is torn"
        ) as error,
    ):
        list(loader.batches(0, 20))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raise", r"loader process [12] of 2 failed at image 55 of odd: ZeroDivisionError: division by zero"),
        ("refuse", r"loader process [12] of 2 failed at image 55 of odd: the disk was taken out; put it back"),
        ("exit", r"loader process [12] of 2 ended with exit code 7 at image 55 of odd"),
        ("kill", r"loader process [12] of 2 was ended by SIGKILL at image 55 of odd; .*memory.*num_workers"),
        ("signal", r"loader process [12] of 2 was ended by SIGUSR2 at image 55 of odd"),
    ],
)
def test_a_picture_at_which_a_process_fails(fault: str, message: str) -> None:
    with (
        Loader(OddSet({55: fault}), batch_size=10, seed=1, workers=2) as loader,
        within(5),
        pytest.raises(SFaceError, match=message) as error,
    ):
        list(loader.batches(0, 20))
    assert "\n" not in str(error.value)
    assert workers() == []


@pytest.mark.parametrize("number", [0, 1])  # also where the batch is another's to make
def test_a_process_killed_while_a_batch_is_waited_for(number: int) -> None:
    with Loader(OddSet({}, delay=60), batch_size=10, seed=1, workers=2) as loader:
        victim = next(process for process in workers() if process.name == f"sface-loader-{number}").pid
        assert victim is not None
        timer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
        timer.start()
        with within(5), pytest.raises(SFaceError, match=rf"process {number + 1} of 2 was ended by SIGKILL"):
            next(loader.batches(0, 20))
        timer.join()


def test_a_process_killed_while_nobody_waits() -> None:
    with Loader(OddSet({}), batch_size=10, seed=1, workers=2) as loader:
        batches = loader.batches(0, 20)
        next(batches)  # of the first process
        time.sleep(0.5)
        second = next(process for process in workers() if process.name == "sface-loader-1")
        second.kill()
        second.join()
        with within(5), pytest.raises(SFaceError, match=r"2 of 2 was ended by SIGKILL while it waited for work on odd"):
            next(batches)
        with within(5), pytest.raises(SFaceError):  # and it stays so
            next(loader.batches(0, 20))


def test_signals_are_the_parents_to_answer() -> None:
    with Loader(OddSet({}), batch_size=10, seed=1, workers=2) as loader:
        for process in workers():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGINT)  # while they start
            os.kill(process.pid, signal.SIGTERM)
        batches = loader.batches(0, 40)
        next(batches)
        for process in workers():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGINT)
            os.kill(process.pid, signal.SIGTERM)
        assert len(list(batches)) == 39
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


@pytest.mark.alone
def test_nothing_is_left_after_close() -> None:
    before, environment = segments(), dict(os.environ)
    loader = Loader(OddSet({}, delay=0.01), batch_size=50, seed=1, workers=2)
    assert len(workers()) == 2
    assert mapped()
    batches = loader.batches(0, 10)
    batch = next(batches)
    kept = batch.images.copy()
    with within(2):
        loader.close()  # in the middle of their work
    assert workers() == []
    assert np.array_equal(batch.images, kept)  # what one still holds is still there
    loader.close()
    del loader, batches, batch
    gc.collect()
    assert not mapped()
    assert not segments() - before
    assert dict(os.environ) == environment


def test_memory_that_cannot_be_had() -> None:
    gc.collect()  # what earlier tests left
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(UsageError, match=r"need 0 MiB of memory that can't be had \(.*\); .* fewer num_workers"):
            Loader(OddSet({}), batch_size=COUNT, seed=1, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert workers() == []
    assert not mapped()


def script(folder: Path, text: str) -> Path:
    """A program as a user or an installer writes it."""
    path = folder / "program.py"
    imports = (
        "import os, sys, time\n"
        "from sface.train.loading.loader import Loader\n"
        "from tests.datasets.odd_set import OddSet\n"
    )
    path.write_text(imports + textwrap.dedent(text))
    return path


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}


CLEAN = """
    if __name__ == "__main__":
        loader = Loader(OddSet(dict.fromkeys(range(200), "jittor")), batch_size=20, seed=1, workers=2)
        import sface.models  # prepares Jittor's import
        import jittor
        print(sum(len(batch.targets) for batch in loader.batches(0, 20)))
"""


@pytest.mark.parametrize("how", ["file", "module"])
def test_jittor_does_not_reach_the_processes_and_an_end_without_close_is_clean(tmp_path: Path, how: str) -> None:
    """Also: no warning of a leak, and no waiting at exit, from a program that forgets to close its loader."""
    path = script(tmp_path, CLEAN)
    call = [str(path)] if how == "file" else ["-m", "program"]
    ended = subprocess.run(
        [sys.executable, "-W", "error", *call] if how == "module" else [sys.executable, *call],
        env=environment(PYTHONPATH=f"{REPOSITORY}{os.pathsep}{tmp_path}"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "400"), ended.stderr
    assert "resource_tracker" not in ended.stderr
    assert "Traceback" not in ended.stderr


ORPHANS = """
    if __name__ == "__main__":
        import multiprocessing
        loader = Loader(OddSet({}, delay=0.001), batch_size=20, seed=1, workers=2)
        next(loader.batches(0, 1000))
        if "fork" in sys.argv and os.fork() == 0:
            time.sleep(20)  # holds the ends of all pipes
            os._exit(0)
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""


@pytest.mark.alone
@pytest.mark.parametrize("forked", [False, True])
def test_processes_end_with_their_parent(tmp_path: Path, forked: bool) -> None:
    before = segments()
    arguments = ["fork"] if forked else []
    with subprocess.Popen(
        [sys.executable, str(script(tmp_path, ORPHANS)), *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_running(pid) for pid in pids)
        parent.kill()
        deadline = time.monotonic() + 5
        try:
            while any(is_running(pid) for pid in pids):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
    assert not segments() - before


AFFINITY = """
    if __name__ == "__main__":
        import multiprocessing
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(mine)})
        with Loader(OddSet({}), batch_size=20, seed=1, workers=1) as loader:
            next(loader.batches(0, 1))
            (process,) = multiprocessing.active_children()
            print(sorted(os.sched_getaffinity(process.pid)) == sorted(mine))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
@pytest.mark.parametrize("under_mpirun", [False, True])
def test_processes_of_a_rank_bound_to_a_core_may_use_all_of_them(tmp_path: Path, under_mpirun: bool) -> None:
    variables = environment(**({"OMPI_COMM_WORLD_SIZE": "2"} if under_mpirun else {}))
    answer = subprocess.check_output([sys.executable, str(script(tmp_path, AFFINITY))], env=variables, text=True)
    assert answer.strip() == str(under_mpirun)
