"""The processes that train together: one, or as many as `mpirun` started; and which device each one uses."""

import ctypes
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from ..errors import UsageError


def world_size() -> int:
    """Number of processes that train together."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def choose_device(workers_id: str) -> bool:
    """Prepare this process for `--workers_id`: "cpu", or the GPUs of a host, one for each of its processes ("0,1").

    Returns whether to use CUDA. To be called before Jittor is imported: it shows each process its own GPU alone.
    Raises UsageError where the GPUs can't be had; a GPU that was asked for is never quietly replaced by the CPU.
    """
    if workers_id == "cpu":
        os.environ["nvcc_path"] = ""  # noqa: SIM112 - Jittor's own variable
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


def end_all_with_one() -> None:
    """Let an exception that ends this rank end the others too; they would wait for it for ever."""
    if world_size() == 1:
        return
    import mpi4py

    mpi4py.rc.initialize = False  # Jittor has initialised MPI
    mpi4py.rc.finalize = False
    from mpi4py import MPI

    def report_and_abort(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(1)

    sys.excepthook = report_and_abort


def mean_over_ranks(values: Sequence[float]) -> list[float]:
    """The mean over all processes of each value."""
    if world_size() == 1:
        return list(values)
    import jittor as jt
    import numpy as np

    mean = jt.array(np.asarray(values, dtype=np.float32)).mpi_all_reduce("mean")
    return [float(value) for value in mean.numpy()]
