"""The learning rate over time."""

import math

from .config import TrainConfig


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The rate of step `step`, counted from 0.

    stages      `lr`, divided by 10 at the start of each epoch in `stages`; epochs are counted from 0
    cosine      `lr` * (1 + cos(pi t)) / 2
    polynomial  `lr` * (1 - t)^2
    with t from 0 after the warm-up to 1 at the end of the last epoch, wherever `max_steps` ends the run. In the warm-up
    the rate rises evenly to that of the schedule.
    """
    warmup = round(config.warmup_epochs * steps_per_epoch)
    t = min(max(0, step - warmup) / max(1, config.epochs * steps_per_epoch - warmup), 1.0)
    if config.schedule == "cosine":
        rate = config.lr * (1 + math.cos(math.pi * t)) / 2
    elif config.schedule == "polynomial":
        rate = config.lr * (1 - t) ** 2
    else:
        rate = config.lr / 10 ** sum(step // steps_per_epoch >= stage for stage in config.stages)
    return rate * (step + 1) / warmup if step < warmup else rate
