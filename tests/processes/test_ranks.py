"""An error in one of several processes. What the others do then: tests/train/test_mpirun.py."""

import sys

import pytest

from sface.errors import DataError, UsageError
from sface.output import Output, with_option
from sface.processes.ranks import failing_together


def test_the_error_of_a_rank_keeps_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "1")
    monkeypatch.delitem(sys.modules, "jittor", raising=False)
    with pytest.raises(UsageError) as caught, failing_together(Output(quiet=True)):
        raise UsageError("s 0.0: must be above 0", argument="s")
    assert with_option(caught.value, {"s": "param_s"}) == "rank 1: --param_s 0.0: must be above 0"
    with pytest.raises(DataError) as damaged, failing_together(Output(quiet=True)):
        raise DataError("is empty", path="/faces", remedy="get it again", argument="data_root")
    assert str(damaged.value) == "rank 1: /faces: is empty; get it again"
    assert (damaged.value.remedy, damaged.value.argument) == ("get it again", "data_root")


def test_alone_an_error_is_as_it_was() -> None:
    error = UsageError("no")
    with pytest.raises(UsageError) as caught, failing_together(Output(quiet=True)):
        raise error
    assert caught.value is error
