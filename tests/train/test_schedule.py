"""The learning rate over time."""

import math
from typing import Any

import pytest

from sface.train.config import TrainConfig
from sface.train.schedule import learning_rate


def rates(steps_per_epoch: int, **fields: Any) -> list[float]:
    """The rates of all steps of a run."""
    config = TrainConfig(**fields)
    return [learning_rate(config, step, steps_per_epoch) for step in range(config.epochs * steps_per_epoch)]


def test_stages() -> None:
    assert rates(2, epochs=5, stages=(2, 3)) == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 4)
    assert rates(1, epochs=3, stages=()) == [0.1] * 3
    assert rates(1, epochs=2, stages=(0,)) == pytest.approx([0.01] * 2)


def test_cosine() -> None:
    found = rates(4, epochs=2, schedule="cosine", lr=0.5)
    assert found == pytest.approx([0.25 * (1 + math.cos(math.pi * step / 8)) for step in range(8)])
    assert found[0] == 0.5


def test_polynomial() -> None:
    found = rates(4, epochs=2, schedule="polynomial", lr=0.5)
    assert found == pytest.approx([0.5 * (1 - step / 8) ** 2 for step in range(8)])


@pytest.mark.parametrize("schedule", ["cosine", "polynomial"])
def test_the_stages_are_those_of_one_schedule_alone(schedule: str) -> None:
    assert rates(4, epochs=2, schedule=schedule, stages=(1,)) == rates(4, epochs=2, schedule=schedule, stages=())


@pytest.mark.parametrize("schedule", ["cosine", "polynomial"])
def test_at_the_end_the_rate_is_0(schedule: str) -> None:
    config = TrainConfig(schedule=schedule, epochs=2)
    assert learning_rate(config, 8, 4) == pytest.approx(0, abs=1e-12)
    assert learning_rate(config, 9, 4) == pytest.approx(0, abs=1e-12)


def test_warm_up_rises_to_the_rate_of_a_stage() -> None:
    """One and a half epochs of 4 steps are 6 steps; the stage begins in the middle of them."""
    found = rates(4, epochs=3, stages=(1,), warmup_epochs=1.5, lr=0.6)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.05, 0.06] + [0.06] * 6)


@pytest.mark.parametrize("schedule", ["cosine", "polynomial"])
def test_a_decay_begins_after_the_warm_up(schedule: str) -> None:
    found = rates(4, epochs=3, schedule=schedule, warmup_epochs=1, lr=0.4)
    assert found[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found[4:] == pytest.approx(rates(4, epochs=2, schedule=schedule, lr=0.4))


def test_a_warm_up_that_is_longer_than_the_run() -> None:
    found = rates(2, epochs=1, schedule="cosine", warmup_epochs=2, lr=0.4)
    assert found == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("schedule", ["stages", "cosine", "polynomial"])
def test_a_bound_of_the_steps_changes_no_rate(schedule: str) -> None:
    """So a run that is stopped early and gone on with later has the rates of one that was not."""
    fields: dict[str, Any] = {"epochs": 3, "schedule": schedule, "stages": (1, 2), "warmup_epochs": 0.5}
    assert rates(4, max_steps=5, **fields) == rates(4, max_steps=None, **fields)
