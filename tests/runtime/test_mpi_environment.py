"""What a process learns of the others that `mpirun` started."""

import os

import pytest

from sface.runtime.mpi_environment import rank, share_of_cores, world_size


@pytest.mark.parametrize(("environment", "expected"), [({}, (0, 1)), ({"RANK": "2", "SIZE": "3"}, (2, 3))])
def test_rank_and_number(
    environment: dict[str, str], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "SIZE"):
        monkeypatch.delenv(f"OMPI_COMM_WORLD_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    assert (rank(), world_size()) == expected


def test_cores_are_shared_out_over_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under mpirun, which binds each rank to one core of the four that it may use itself."""
    host, bound = {0, 1, 2, 3}, {1}
    given: list[list[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: bound if pid == 0 else host)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: given.append(list(cores)))
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1")
    assert share_of_cores() == 2
    assert given == [[2, 3]]
