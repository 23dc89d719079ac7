"""The processes that train together: one, or as many as `mpirun` started; and which device each one uses."""

import ctypes
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .. import runtime
from ..errors import SFaceError, UsageError
from ..output import Output


def world_size() -> int:
    """Number of processes that train together."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def choose_device(workers_id: str) -> bool:
    """Prepare this process for `--workers_id`: "cpu", or the GPUs of a host, one for each of its processes ("0,1").

    Returns whether to use CUDA. To be called before Jittor is imported: it shows each process its own GPU alone.
    Raises UsageError where the GPUs can't be had; a GPU that was asked for is never quietly replaced by the CPU.
    """
    if workers_id == "cpu":
        runtime.without_cuda()
        return False
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
    local_rank = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_RANK", "0"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(found)))).split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[devices[local_rank]]
    return True


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


@contextmanager
def failing_together(output: Output) -> Iterator[None]:
    """Let what ends this process end the other ranks too; they would wait for it for ever.

    The rank that fails says why, with its number. Alone, a process fails as always.
    """
    try:
        yield
    except BaseException as error:
        mpi = sys.modules.get("jittor") and sys.modules["jittor"].compile_extern.mpi
        if world_size() == 1 or not mpi:
            raise
        if isinstance(error, SFaceError):
            output.error(type(error)(f"rank {runtime.rank()}: {error}"))
        else:
            traceback.print_exc()
        sys.stdout.flush()
        _abort(error.exit_code if isinstance(error, SFaceError) else SFaceError.exit_code)


def _abort(code: int) -> None:
    import mpi4py

    mpi4py.rc.initialize = False  # Jittor has initialised MPI
    mpi4py.rc.finalize = False
    from mpi4py import MPI

    MPI.COMM_WORLD.Abort(code)


def mean_over_ranks(values: Sequence[float]) -> list[float]:
    """The mean over all processes of each value."""
    if world_size() == 1:
        return list(values)
    import jittor as jt
    import numpy as np

    mean = jt.array(np.asarray(values, dtype=np.float32)).mpi_all_reduce("mean")
    return [float(value) for value in mean.numpy()]
