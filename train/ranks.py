"""The processes that train together: one, or as many as `mpirun` started; and which device each one uses."""

import ctypes
import os
import platform
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import dependencies, runtime
from ..errors import SFaceError, UsageError
from ..output import Output


def world_size() -> int:
    """Number of processes that train together."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def choose_device(workers_id: str) -> None:
    """Prepare this process for `--workers_id`: "cpu", or the GPUs of a host, one for each of its processes ("0,1").

    To be called before Jittor is imported: it shows each process its own GPU alone.
    Raises UsageError where the GPUs can't be had; a GPU that was asked for is never quietly replaced by the CPU.
    """
    if workers_id == "cpu":
        runtime.without_cuda()
        return
    try:
        devices = [int(part) for part in workers_id.split(",")]
    except ValueError:
        raise UsageError(f"--workers_id {workers_id}: must be cpu, or numbers of GPUs such as 0 or 0,1") from None
    local_ranks = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1"))
    if len(devices) != local_ranks:
        raise UsageError(
            f"--workers_id {workers_id}: {len(devices)} GPUs for {local_ranks} processes on this host; "
            f"start one for each GPU: mpirun -np {len(devices)} sface train ..."
        )
    found = _count_gpus()
    if max(devices) >= found or min(devices) < 0:
        raise UsageError(f"--workers_id {workers_id}: the NVIDIA driver shows {found} GPUs here; or use cpu")
    # Now, not once Jittor has compiled for minutes what it does without CUDA.
    if "nvcc_path" not in os.environ and (reason := runtime.why_no_cuda()) is not None:
        raise UsageError(f"--workers_id {workers_id}: Jittor can't use CUDA here: {reason}")
    local_rank = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_RANK", "0"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(found)))).split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[devices[local_rank]]


def import_jittor(workers_id: str) -> None:
    """Import Jittor, to use the device that `choose_device` has prepared.

    Raises UsageError where Jittor can't use the GPU, DependencyError where it is not installed.
    """
    jt = dependencies.require("jittor", "train")
    if workers_id != "cpu" and not jt.has_cuda:
        raise UsageError(f"--workers_id {workers_id}: Jittor can't use CUDA here: {runtime.why_no_cuda()}")
    jt.flags.use_cuda = int(workers_id != "cpu")


def _count_gpus() -> int:
    """GPUs that the driver shows this process, asked without loading CUDA's toolkit; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def rank_line(batch_size: int, loader_processes: int) -> str:
    """What this process is, for people: host, device, threads, share of each batch. Jittor must be imported."""
    import jittor as jt

    device = f"GPU {os.environ['CUDA_VISIBLE_DEVICES']}" if jt.flags.use_cuda else "CPU"
    return (
        f"rank {runtime.rank()} of {world_size()}: {platform.node()}, {device}, {runtime.threads()} threads, "
        f"{batch_size // world_size()} of {batch_size} images a step, {loader_processes} loader processes"
    )


@contextmanager
def failing_together(output: Output) -> Iterator[None]:
    """Let what ends this process end the other ranks too; they would wait for it for ever.

    The rank that fails says why, with its number. Alone, a process fails as always.
    """
    try:
        yield
    except BaseException as error:
        if world_size() == 1:
            raise
        named = type(error)(f"rank {runtime.rank()}: {error}") if isinstance(error, SFaceError) else error
        jittor = sys.modules.get("jittor")
        if jittor is None or not jittor.compile_extern.mpi:
            raise named from None  # mpirun ends the others
        if isinstance(named, SFaceError):
            output.error(named)
        else:
            sys.stderr.write(f"rank {runtime.rank()} failed:\n")
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        _mpi().COMM_WORLD.Abort(named.exit_code if isinstance(named, SFaceError) else SFaceError.exit_code)


def meet() -> None:
    """Wait for all processes, in a command without Jittor; MPI is initialised by this, when the work is done.

    Until then a process that fails ends the others: `mpirun` does that.
    """
    if world_size() > 1:
        dependencies.require("mpi4py.MPI", "train").COMM_WORLD.Barrier()


@cache
def communicator() -> Any:
    """All processes as MPI's communicator, apart from the one in which Jittor's operators meet.

    Made by all of them together, when Jittor is imported. It moves what is in the host's memory, and doesn't wait for
    the device.
    """
    return _mpi().COMM_WORLD.Dup()


def sum_over_ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum over all processes of each value; every process must have as many."""
    if world_size() == 1:
        return values
    total = np.empty_like(values)
    communicator().Allreduce(values, total)
    return total


class AnyRank:
    """Whether any process wants something: all learn it at the same step, the one after it was wanted.

    Nobody waits for a device, nor for a process that has not begun the step before.
    """

    def __init__(self) -> None:
        self._wanted, self._answer = np.zeros(1), np.zeros(1)
        self._request: Any = None

    def asks(self, wanted: bool) -> bool:
        """To be called by every process at every step."""
        if world_size() == 1:
            return wanted
        if self._request is None:
            self._request = communicator().Iallreduce(self._wanted, self._answer)
        self._request.Wait()
        answer = bool(self._answer[0])
        self._wanted[0] = wanted
        self._request = communicator().Iallreduce(self._wanted, self._answer)
        return answer

    def close(self) -> None:
        """Receive the last answer, which nobody asks for."""
        if self._request is not None:
            self._request.Wait()


def _mpi() -> Any:
    import mpi4py

    mpi4py.rc.initialize = False  # Jittor has initialised MPI
    mpi4py.rc.finalize = False
    from mpi4py import MPI

    return MPI
