"""Which device each training process uses: the CPU, or a GPU of its own."""

import ctypes
import os
import platform

from ..errors import UsageError
from ..runtime import dependencies, jittor_setup
from ..runtime.mpi_environment import rank, world_size


def choose_device(workers_id: str) -> None:
    """Prepare this process for `workers_id`: "cpu", or the GPUs of a host, one for each of its processes ("0,1").

    To be called before Jittor is imported: it shows each process its own GPU alone.
    Raises UsageError where the GPUs can't be had; a GPU that was asked for is never quietly replaced by the CPU.
    """
    if workers_id == "cpu":
        jittor_setup.without_cuda()
        return
    try:
        devices = [int(part) for part in workers_id.split(",")]
    except ValueError:
        raise _refused(workers_id, "must be cpu, or numbers of GPUs such as 0 or 0,1") from None
    local_ranks = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1"))
    if len(devices) != local_ranks:
        raise _refused(
            workers_id,
            f"{len(devices)} GPUs for {local_ranks} processes on this host",
            remedy=f"start one for each GPU: mpirun -np {len(devices)} sface train ...",
        )
    found = _count_gpus()
    if max(devices) >= found or min(devices) < 0:
        raise _refused(workers_id, f"the NVIDIA driver shows {found} GPUs here; or use cpu")
    # Now, not once Jittor has compiled for minutes what it does without CUDA.
    if "nvcc_path" not in os.environ and (reason := jittor_setup.why_no_cuda()) is not None:
        raise _refused(workers_id, f"Jittor can't use CUDA here: {reason}")
    local_rank = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_RANK", "0"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(found)))).split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[devices[local_rank]]


def import_jittor(workers_id: str) -> None:
    """Import Jittor, to use the device that `choose_device` has prepared.

    Raises UsageError where Jittor can't use the GPU, DependencyError where it is not installed.
    """
    jt = dependencies.require("jittor", "train")
    if workers_id != "cpu" and not jt.has_cuda:
        raise _refused(workers_id, f"Jittor can't use CUDA here: {jittor_setup.why_no_cuda()}")
    jt.flags.use_cuda = int(workers_id != "cpu")


def _refused(workers_id: str, reason: str, remedy: str | None = None) -> UsageError:
    return UsageError(f"workers_id {workers_id}: {reason}", remedy=remedy, argument="workers_id")


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
        f"rank {rank()} of {world_size()}: {platform.node()}, {device}, {jittor_setup.threads()} threads, "
        f"{batch_size // world_size()} of {batch_size} images a step, {loader_processes} loader processes"
    )
