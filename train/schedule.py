"""The learning rate over time."""

from collections.abc import Sequence


def learning_rate(first: float, stages: Sequence[int], epoch: int) -> float:
    """`first`, divided by 10 at the start of each epoch in `stages`; epochs are counted from 0."""
    return first / 10 ** sum(epoch >= stage for stage in stages)
