"""Accuracy on a verification set as face recognition reports it: the embedding of a crop plus that of its mirror image,
brought to unit length; squared Euclidean distance; ten folds (metrics.ten_fold_accuracy).

What gives embeddings is a callable: uint8 (N, S, S, 3) RGB → float32 (N, D).
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .figures.metrics import squared_distances, ten_fold_accuracy
from .protocols.bin_sets import BinSet

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """Figures of one set.

    accuracy   mean share of pairs decided rightly over ten folds, and its standard deviation `std`
    threshold  mean of the folds' thresholds, squared Euclidean distance
    xnorm      mean length of the raw embeddings, of crops and mirror images
    """

    name: str
    accuracy: float
    std: float
    threshold: float
    xnorm: float
    pairs: int

    def text(self) -> str:
        """For people."""
        return f"{self.name} {self.accuracy:.2%} ± {self.std:.2%}"


def pair_distances(
    embed: Embed, bin_set: BinSet, first: int, last: int, *, batch: int = 64, flip: bool = True
) -> tuple[NDArray[np.float64], float]:
    """Squared distances float64 (n,) of the n pairs `first` .. `last` - 1, so that processes can share out a set, and
    the sum over these pairs of the mean length of a pair's raw embeddings.

    embed  is given `batch` images (an even number) every time, so that it is compiled for one shape; what is too much
           in the last batch is the last image again
    flip   whether the mirror image's embedding is added
    Raises DataError where an embedding is not finite or of length 0, ImageError as `BinSet.images`.
    """
    distances = np.empty(last - first, dtype=np.float64)
    length_sum = 0.0
    for start, images in ahead(lambda start, stop: (start, bin_set.images(start, stop)), spans(first, last, batch)):
        summed, lengths = raw_embeddings(embed, images, str(bin_set.path), batch=batch, flip=flip)
        stop = start + len(images) // 2
        distances[start - first : stop - first] = squared_distances(summed[0::2], summed[1::2])
        length_sum += float(lengths.sum()) / 2
    return distances, length_sum


def verification_result(name: str, distances: ArrayLike, length_sum: float, same: ArrayLike) -> VerificationResult:
    """The figures of a whole set from what `pair_distances` gave for its parts: distances (P,) in the order of the
    file, the sum of the parts' sums, and which pairs are genuine, bool (P,). Raises DataError as `ten_fold_accuracy`.
    """
    pairs = len(np.asarray(same))
    folds = ten_fold_accuracy(distances, same)
    return VerificationResult(name, folds.accuracy, folds.std, folds.threshold, length_sum / pairs, pairs)


def verify(embed: Embed, bin_set: BinSet, *, batch: int = 64, flip: bool = True) -> VerificationResult:
    """The figures of a set, in this process alone; arguments and errors as of `pair_distances`."""
    distances, length_sum = pair_distances(embed, bin_set, 0, len(bin_set), batch=batch, flip=flip)
    return verification_result(bin_set.name, distances, length_sum, bin_set.same)


def spans(first: int, last: int, batch: int) -> list[tuple[int, int]]:
    """The pairs `first` .. `last` - 1 in parts of `batch` images, the last of fewer: where each starts and stops."""
    if batch < 2 or batch % 2:
        raise ValueError(f"a batch of {batch} images: must be even, as pairs are not split")
    step = batch // 2
    return [(start, min(start + step, last)) for start in range(first, last, step)]


def ahead(work: Callable[..., Result], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """`work(*job)` of each job, in order, done in a thread that is one job ahead of who takes the results.

    What `work` raises is raised in the job's turn.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = None
        for job in jobs:
            ready, coming = coming, thread.submit(work, *job)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()


def raw_embeddings(
    embed: Embed, images: NDArray[np.uint8], where: str, *, batch: int, flip: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw embeddings float64 (n, D) of n <= `batch` images uint8 (n, S, S, 3), the mirror image's added where `flip`,
    and their length float64 (n,), the mean of both where `flip`.

    embed  is given `batch` images: what is too much is the last image again
    where  what an error names
    Raises DataError where an embedding is not finite or of length 0.
    """
    count = len(images)
    full = np.concatenate([images, np.repeat(images[-1:], batch - count, axis=0)])
    raw = [_checked(embed(full), where, batch)[:count]]
    if flip:
        raw.append(_checked(embed(np.ascontiguousarray(full[:, :, ::-1])), where, batch)[:count])
    summed = np.sum(raw, axis=0)  # (n, D)
    if not summed.any(axis=1).all():
        raise DataError("the embedding of an image is 0 throughout; the network is damaged", path=where)
    return summed, np.linalg.norm(raw, axis=2).mean(axis=0)


def _checked(embeddings: NDArray[Any], where: str, batch: int) -> NDArray[np.float64]:
    if embeddings.ndim != 2 or len(embeddings) != batch:
        raise DataError(f"{batch} images gave embeddings of shape {embeddings.shape}", path=where)
    if not np.isfinite(embeddings).all():
        raise DataError("an embedding is not a number; the network is damaged, or its training failed", path=where)
    return embeddings.astype(np.float64)
