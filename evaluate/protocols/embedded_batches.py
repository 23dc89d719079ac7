"""Crops → raw embeddings, batch by batch: threads read the next batches while this one is embedded. Nothing is kept, so
that memory does not grow with the number of pictures."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from ...processes.parallel import cores
from ..verification import Embed, raw_embeddings

_AHEAD = 2  # batches


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedBatch:
    """What came of `count` pictures in a row, of which n could be read.

    numbers     int64 (n,)
    embeddings  float64 (n, D), raw, never 0 throughout; the mirror image's added where that was asked for
    lengths     float64 (n,), of the raw embeddings; the mean of the crop's and its mirror image's
    failures    why each of the others could not be read, in a line each
    """

    count: int
    numbers: NDArray[np.int64]
    embeddings: NDArray[np.float64]
    lengths: NDArray[np.float64]
    failures: tuple[str, ...]


def embed_crops(
    read: Callable[[int], NDArray[np.uint8]], count: int, embed: Embed, where: str, *, flip: bool, batch: int
) -> Iterator[EmbeddedBatch]:
    """Embed the crops number 0 .. `count` - 1, in their order.

    read   number → the crop, uint8 (S, S, 3) RGB; raises ImageError. Called by several threads at once
    embed  is given `batch` crops every time
    where  what an error about embeddings names
    flip   whether the mirror image's embedding is added
    Batches of which nothing could be read have embeddings (0, 0). Raises DataError as `raw_embeddings`.
    """

    def attempt(number: int) -> NDArray[np.uint8] | str:
        try:
            return read(number)
        except ImageError as error:
            return str(error)

    pool = ThreadPoolExecutor(cores())
    parts = (range(start, min(start + batch, count)) for start in range(0, count, batch))
    jobs = ((part, [pool.submit(attempt, number) for number in part]) for part in parts)
    try:
        waiting = deque(islice(jobs, _AHEAD))
        while waiting:
            part, tried = waiting.popleft()
            waiting.extend(islice(jobs, 1))
            results = [job.result() for job in tried]
            crops = {n: result for n, result in zip(part, results, strict=True) if not isinstance(result, str)}
            embeddings, lengths = np.empty((0, 0)), np.empty(0)
            if crops:
                images = np.stack(list(crops.values()))
                embeddings, lengths = raw_embeddings(embed, images, where, batch=batch, flip=flip)
            failures = tuple(result for result in results if isinstance(result, str))
            yield EmbeddedBatch(len(part), np.array(list(crops), dtype=np.int64), embeddings, lengths, failures)
    finally:
        pool.shutdown(cancel_futures=True)
