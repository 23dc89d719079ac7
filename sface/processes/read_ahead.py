"""Work on many pictures by several threads, with the results in the order of the pictures."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from .parallel import cores

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 32  # items for a thread at a time: handing over each alone costs as much as reading a small file


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Generator[R]:
    """Yield `work(item)` of each item, done ahead by as many threads as there are cores.

    Worth it where the work leaves the GIL alone, as reading files, decoding and hashing do. Only so many results wait
    as keep the threads busy. What `work` raises is raised in its turn, and ends the rest.
    """
    threads = cores()
    remaining = iter(items)
    ahead: deque[Future[list[R]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                if chunk := list(islice(remaining, _CHUNK)):
                    ahead.append(pool.submit(lambda chunk: [work(item) for item in chunk], chunk))
                    if len(ahead) < 2 * threads:
                        continue
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
