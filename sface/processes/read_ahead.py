"""Work done ahead by threads, with the results in the order of the items."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from .parallel import cores

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int | None = None,
    chunk: int = 32,
    depth: int | None = None,
) -> Generator[R]:
    """Yield `work(item)` of each item, done ahead by threads.

    threads  None: as many as there are cores
    chunk    items that a thread is given at once; handing over each alone costs as much as reading a small file
    depth    chunks that are under way or wait to be taken; None: two for each thread

    Worth it where the work leaves the GIL alone, as reading files, decoding and hashing do. What `work` raises is
    raised in its turn, and ends the rest.
    """
    threads = threads or cores()
    depth = depth or 2 * threads
    remaining = iter(items)
    ahead: deque[Future[list[R]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                if part := list(islice(remaining, chunk)):
                    ahead.append(pool.submit(lambda part: [work(item) for item in part], part))
                    if len(ahead) < depth:
                        continue
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
