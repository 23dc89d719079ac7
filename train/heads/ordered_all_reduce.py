"""Sums over the ranks inside a loss."""

from typing import Any

import jittor as jt

from ...runtime.mpi_environment import rank, world_size


class OrderedAllReduce:
    """All-reduce operations in the order of the calls: ranks that differ in the order wait for each other for ever."""

    def __init__(self) -> None:
        self._before: list[Any] = []

    def sum(self, x: Any) -> Any:
        """The sum of all ranks' `x`."""
        if world_size() == 1:
            return x
        total = x.mpi_all_reduce("add")
        total._add_dependency(self._before)
        self._before = [total]
        return total

    def gather(self, x: Any) -> Any:
        """All ranks' `x`, joined along the first axis."""
        before, after = rank() * x.shape[0], (world_size() - 1 - rank()) * x.shape[0]
        zeros = [jt.zeros((count, *x.shape[1:]), x.dtype) for count in (before, after)]
        return self.sum(jt.concat([part for part in (zeros[0], x, zeros[1]) if part.shape[0]]))
