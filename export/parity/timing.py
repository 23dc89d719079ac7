"""How long functions take, measured so that they can be compared."""

import time
from collections.abc import Callable, Sequence
from statistics import median


def interleaved(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Milliseconds of each, the median of `rounds`. They take turns, so that a disturbance meets them all."""
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [median(taken) * 1000 for taken in times]
