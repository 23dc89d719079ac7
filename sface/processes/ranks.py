"""The processes of a run: one, or as many as `mpirun` started."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import SFaceError
from ..output import Output
from ..runtime import dependencies
from ..runtime.mpi_environment import rank, world_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
        named = _with_rank(error) if isinstance(error, SFaceError) else error
        jittor = sys.modules.get("jittor")
        if jittor is None or not jittor.compile_extern.mpi:
            raise named from None  # mpirun ends the others
        if isinstance(named, SFaceError):
            output.error(named)
        else:
            sys.stderr.write(f"rank {rank()} failed:\n")
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        _mpi().COMM_WORLD.Abort(named.exit_code if isinstance(named, SFaceError) else SFaceError.exit_code)


def _with_rank(error: SFaceError) -> SFaceError:
    path = None if error.path is None else f"rank {rank()}: {error.path}"
    reason = error.reason if path is not None else f"rank {rank()}: {error.reason}"
    return type(error)(reason, path=path, remedy=error.remedy, argument=error.argument)


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


def sum_over_ranks(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """The sum over all processes of each value; every process must have as many."""
    if world_size() == 1:
        return values
    import numpy as np

    total = np.empty_like(values)
    communicator().Allreduce(values, total)
    return total


class AnyRank:
    """Whether any process wants something: all learn it at the same step, the one after it was wanted.

    Nobody waits for a device, nor for a process that has not begun the step before.
    """

    def __init__(self) -> None:
        import numpy as np

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
