"""What `mpirun` tells each process that it starts; known before MPI is loaded."""

import os


def rank() -> int:
    """This process's number among those that `mpirun` started; 0 without it. Known before MPI is loaded."""
    return int(os.environ.get("OMPI_COMM_WORLD_RANK", "0"))


def world_size() -> int:
    """Number of processes that `mpirun` started; 1 without it."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def share_of_cores() -> int:
    """Cores for this process, on Linux: all that it may use, divided by the number of MPI ranks on this host.

    mpirun binds each rank to a core of its own; then the cores that mpirun itself may use are shared out instead.
    """
    local_ranks = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1"))
    mine = os.sched_getaffinity(0)
    if local_ranks == 1 and "OMPI_COMM_WORLD_SIZE" not in os.environ:
        return len(mine)
    host = sorted(os.sched_getaffinity(os.getppid()))
    share = max(1, len(host) // local_ranks)
    if len(mine) < share:
        first = int(os.environ.get("OMPI_COMM_WORLD_LOCAL_RANK", "0")) * share
        os.sched_setaffinity(0, host[first : first + share])
    return share
