"""Crops → raw embeddings, batch by batch: threads read the next batches while this one is embedded. Nothing is kept, so
that memory does not grow with the number of pictures."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..processes.read_ahead import read_ahead
from .crop_embedder import CropEmbedder

_AHEAD = 2  # batches


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedBatch:
    """What came of `count` pictures in a row, of which n could be read.

    numbers   int64 (n,)
    vectors, lengths  float64 (n, D) and (n,), as of `RawEmbeddings`
    failures  why each of the others could not be read, in a line each
    """

    count: int
    numbers: NDArray[np.int64]
    vectors: NDArray[np.float64]
    lengths: NDArray[np.float64]
    failures: tuple[str, ...]


def embed_crops(
    read: Callable[[int], NDArray[np.uint8]], count: int, embedder: CropEmbedder
) -> Iterator[EmbeddedBatch]:
    """Embed the crops number 0 .. `count` - 1, in their order.

    read  number → the crop, uint8 (S, S, 3) RGB; raises ImageError. Called by several threads at once
    Batches of which nothing could be read have vectors (0, 0). Raises DataError as `CropEmbedder.raw`.
    """

    def attempt(number: int) -> NDArray[np.uint8] | str:
        try:
            return read(number)
        except ImageError as error:
            return str(error)

    batch = embedder.batch
    with closing(read_ahead(attempt, range(count), chunk=1, depth=_AHEAD * batch)) as results:
        for start in range(0, count, batch):
            part = list(islice(results, batch))
            crops = {number: result for number, result in enumerate(part, start) if not isinstance(result, str)}
            vectors, lengths = np.empty((0, 0)), np.empty(0)
            if crops:
                vectors, lengths = embedder.raw(np.stack(list(crops.values())))
            failures = tuple(result for result in part if isinstance(result, str))
            yield EmbeddedBatch(len(part), np.array(list(crops), dtype=np.int64), vectors, lengths, failures)
