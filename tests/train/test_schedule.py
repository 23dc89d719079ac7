"""The learning rate over time."""

import pytest

from sface.train.schedule import learning_rate


def test_stages() -> None:
    rates = [learning_rate(0.1, (2, 3), epoch) for epoch in range(5)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.001, 0.001])
    assert learning_rate(0.1, (), 100) == 0.1
    assert learning_rate(0.1, (0,), 0) == pytest.approx(0.01)
