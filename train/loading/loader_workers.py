"""Processes that decode batches ahead of the training, into fixed places of memory that they share with it.

Batch i is made by process i mod W, into that process's next slot. The memory has no name, so that nothing of it
outlives the processes. They are spawned, not forked, and never import Jittor. Linux only.
"""

import atexit
import json
import math
import mmap
import os
import select
import signal
import struct
import traceback
import weakref
from collections import deque
from contextlib import suppress
from itertools import islice
from multiprocessing import connection, get_context, reduction
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np
import numpy.typing as npt

from ...datasets.image_sets import Image
from ...errors import SFaceError, UsageError
from ...processes.parallel import starting_processes
from ...runtime.opencv import cv2
from ..signals import STOPPING
from .batches import NO_IMAGE, BatchMaker, Targets

SLOTS = 3  # of each process: one is in use, one is ready, one is being filled
_LINE = 64  # bytes of a line of the processors' caches: what two processes write to one, each waits for
# Messages of a few bytes, written and read as they are: those of `Connection` took as long as decoding a crop.
_STEP = struct.Struct("q")  # to a process: the batch to make
_FILLED, _REPORT = b"f", b"r"  # from it: done; or a report follows, JSON by `Connection`
_PARENT_CHECK = 1.0  # seconds after which a process without work looks whether its parent lives


class LoaderWorkers:
    """`count` processes that fill batches with a maker's.

    capacity: batches that can be asked for ahead, the one in use included.
    """

    def __init__(self, maker: BatchMaker, count: int) -> None:
        """Start the processes. Raises UsageError where the memory can't be had, SFaceError where they don't start."""
        self.capacity = SLOTS * count
        self._maker = maker
        self._pending: list[deque[int]] = [deque() for _ in range(count)]
        self._processes: list[SpawnProcess] = []
        self._connections: list[connection.Connection] = []
        self._polls: list[select.poll] = []  # of each process: its connection, and the ends of all processes
        # multiprocessing would end forgotten processes with SIGTERM and wait for ever: this hook comes before its own.
        self._finalizer = weakref.finalize(self, _end, os.getpid(), self._processes, self._connections)
        atexit.register(self._finalizer)
        descriptor = _memory(_Slots.size(count, maker))
        try:
            self._slots = _Slots(descriptor, count, maker)
            self._slots.current[:] = NO_IMAGE
            self._start(maker, count, descriptor)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(descriptor)

    def ask(self, step: int) -> None:
        """Have batch `step` made. Its slot's earlier batch must have been received, and be done with."""
        number = step % len(self._processes)
        try:
            os.write(self._connections[number].fileno(), _STEP.pack(step))
        except OSError:
            raise self._ended(number) from None
        self._pending[number].append(step)

    def receive(self, step: int) -> tuple[Image, Targets]:
        """Wait for batch `step`, the first not yet received of its process; gives the slot it lies in.

        What the process found unreadable is added to what the maker here knows. Raises DataError where that is more
        than 1 % of the set, and SFaceError as soon as any of the processes has failed or died.
        """
        number = step % len(self._processes)
        if not self._pending[number] or self._pending[number].popleft() != step:
            raise RuntimeError(f"batch {step} was not asked for: only one iterator of batches can be in use")
        ready = dict(self._polls[number].poll())
        for other, process in enumerate(self._processes):
            if process.sentinel in ready:
                raise self._ended(other)
        try:
            answer = os.read(self._connections[number].fileno(), 1)
            report = None if answer == _FILLED else json.loads(self._connections[number].recv_bytes())
        except (EOFError, OSError):
            raise self._ended(number) from None
        if report is not None:
            self._maker.unreadable.update(report["unreadable"])
            self._maker.refuse_damaged_set()
            if report["error"]:
                raise SFaceError(f"{self._name(number)} failed {self._at(report['image'])}: {report['error']}")
        slot = self._slots.of(step)
        return self._slots.images[slot], self._slots.targets[slot]

    def drain(self) -> None:
        """Wait for all batches that were asked for and not received."""
        for pending in self._pending:
            while pending:
                self.receive(pending[0])

    def close(self) -> None:
        """End the processes. Slots that the caller still holds keep their memory."""
        self._finalizer()
        atexit.unregister(self._finalizer)

    def _start(self, maker: BatchMaker, count: int, descriptor: int) -> None:
        context = get_context("spawn")
        with starting_processes(STOPPING):
            for number in range(count):
                mine, theirs = context.Pipe()
                self._connections.append(mine)
                process = context.Process(
                    target=_work,
                    args=(maker, count, number, theirs, _Descriptor(descriptor), os.getpid(), _cores()),
                    name=f"sface-loader-{number}",
                    daemon=True,
                )
                try:
                    process.start()
                except OSError as error:
                    raise SFaceError(f"{self._name(number)} can't be started ({error.strerror or error})") from error
                finally:
                    theirs.close()
                self._processes.append(process)
        for end in self._connections:
            # Not connection.wait: it takes more time for a batch than all else that is done here.
            poll = select.poll()
            for readable in (end.fileno(), *(process.sentinel for process in self._processes)):
                poll.register(readable, select.POLLIN)
            self._polls.append(poll)

    def _ended(self, number: int) -> SFaceError:
        """The error of a process that is no more."""
        process = self._processes[number]
        process.join(1)
        code, at = process.exitcode, self._at(int(self._slots.current[number]))
        if code is None:
            return SFaceError(f"{self._name(number)} ended {at}, nobody knows why")
        if code >= 0:
            return SFaceError(f"{self._name(number)} ended with exit code {code} {at}", remedy="see above for why")
        with suppress(ValueError):
            ending = signal.Signals(-code).name
            killed = code == -signal.SIGKILL
            return SFaceError(
                f"{self._name(number)} was ended by {ending} {at}",
                remedy="the system does so when memory runs short: try fewer num_workers" if killed else None,
                argument="num_workers" if killed else None,
            )
        return SFaceError(f"{self._name(number)} was ended by signal {-code} {at}")

    def _name(self, number: int) -> str:
        return f"loader process {number + 1} of {len(self._pending)}"

    def _at(self, index: int) -> str:
        root = self._maker.image_set.root
        return f"while it waited for work on {root}" if index == NO_IMAGE else f"at image {index} of {root}"


class _Slots:
    """The shared memory as arrays.

    current: int64 (W,), the image that each process is at; targets: int32 (W * SLOTS, b), or float32 with one more
    axis; images: uint8 (W * SLOTS, b, size, size, 3).
    """

    def __init__(self, descriptor: int, count: int, maker: BatchMaker) -> None:
        memory = mmap.mmap(descriptor, self.size(count, maker))
        slots, share, size = count * SLOTS, maker.share, maker.image_set.size
        targets = count * _LINE
        images = targets + slots * share * _target_size(maker)
        self.current: npt.NDArray[np.int64] = np.ndarray((count,), np.int64, memory, strides=(_LINE,))
        shape = (slots, share, *maker.target_shape)
        self.targets: Targets = np.ndarray(shape, maker.target_type, memory, targets)
        self.images: Image = np.ndarray((slots, share, size, size, 3), np.uint8, memory, images)
        self._count = count

    @staticmethod
    def size(count: int, maker: BatchMaker) -> int:
        """Bytes that are needed."""
        return count * _LINE + count * SLOTS * maker.share * (_target_size(maker) + 3 * maker.image_set.size**2)

    def of(self, step: int) -> int:
        """The slot of a batch: the processes take turns, and each takes its own slots in turn."""
        turn, number = divmod(step, self._count)
        return number * SLOTS + turn % SLOTS


def _target_size(maker: BatchMaker) -> int:
    """Bytes of what is to be learned of one crop."""
    return np.dtype(maker.target_type).itemsize * math.prod(maker.target_shape)


class _Descriptor:
    """A file descriptor that reaches a spawned process open."""

    def __init__(self, descriptor: int) -> None:
        self.number = descriptor

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.number)

    def __setstate__(self, state: Any) -> None:
        self.number = state.detach()


def _memory(size: int) -> int:
    """A file of `size` bytes in memory, all of them reserved: a page that can't be had later would be a bus error."""
    descriptor = os.memfd_create("sface-loader")
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        os.close(descriptor)
        raise UsageError(
            f"the loader's processes need {size / 2**20:,.0f} MiB of memory that can't be had ({error.strerror})",
            remedy="choose a smaller batch_size, or fewer num_workers (0: none)",
            argument="num_workers",
        ) from error
    return descriptor


def _cores() -> set[int]:
    """Where the processes may run: mpirun binds a rank to a core of its own, the others' idle time is theirs too."""
    return os.sched_getaffinity(os.getppid() if "OMPI_COMM_WORLD_SIZE" in os.environ else 0)


def _end(owner: int, processes: list[SpawnProcess], connections: list[connection.Connection]) -> None:
    """Kill the processes, which hold nothing that has to be saved."""
    if os.getpid() != owner:
        return  # a fork of the owner: they aren't its processes
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
        process.close()
    for end in connections:
        end.close()


def _work(
    maker: BatchMaker,
    count: int,
    number: int,
    parent: connection.Connection,
    memory: _Descriptor,
    parent_id: int,
    cores: set[int],
) -> None:
    """A process's whole life: fill a slot, report, until the parent is gone."""
    os.sched_setaffinity(0, cores)
    cv2.setNumThreads(1)
    slots = _Slots(memory.number, count, maker)
    os.close(memory.number)
    maker.current = slots.current[number : number + 1]
    poll = select.poll()
    poll.register(parent, select.POLLIN)
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            # Its end closes the connection, unless a process that it has forked still holds that.
            while not poll.poll(1000 * _PARENT_CHECK):
                if os.getppid() != parent_id:
                    return
            if not (asked := os.read(parent.fileno(), _STEP.size)):
                return
            report = _fill(maker, slots, *_STEP.unpack(asked))
            if report is None:
                os.write(parent.fileno(), _FILLED)
            else:
                os.write(parent.fileno(), _REPORT)
                parent.send_bytes(json.dumps(report).encode())


def _fill(maker: BatchMaker, slots: _Slots, step: int) -> dict[str, Any] | None:
    """Fill a slot; what went wrong comes back as one line, with the image that the process was at. None: nothing did,
    and no image was found unreadable."""
    known, error = len(maker.unreadable), ""
    try:
        maker.fill(step, slots.images[slots.of(step)], slots.targets[slots.of(step)])
    except SFaceError as refused:
        error = str(refused)
    except Exception as fault:
        error = " ".join(traceback.format_exception_only(fault)[-1].split())
    if not error and len(maker.unreadable) == known:
        return None
    # Said here and now: by the time the parent reads it, the process is at another batch.
    image = int(maker.current[0])
    return {"error": error, "image": image, "unreadable": list(islice(maker.unreadable.items(), known, None))}
