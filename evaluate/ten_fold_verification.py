"""Accuracy on a verification set as face recognition reports it: the embedding of a crop plus that of its mirror image,
brought to unit length; squared Euclidean distance; ten folds (metrics.ten_fold_accuracy).

What gives embeddings is a callable: uint8 (N, S, S, 3) RGB → float32 (N, D).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..processes.read_ahead import read_ahead
from .crop_embedder import CropEmbedder, Embed
from .figures.metrics import squared_distances, ten_fold_accuracy
from .protocols.bin_sets import BinSet, pair_ranges


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
    embedder = CropEmbedder(embed, str(bin_set.path), bin_set.size, batch, flip)
    distances = np.empty(last - first, dtype=np.float64)
    length_sum = 0.0

    def read(pairs: range) -> tuple[range, NDArray[np.uint8]]:
        return pairs, bin_set.images(pairs.start, pairs.stop)

    for pairs, images in read_ahead(read, pair_ranges(first, last, batch), threads=1, chunk=1, depth=2):
        vectors, lengths = embedder.raw(images)
        distances[pairs.start - first : pairs.stop - first] = squared_distances(vectors[0::2], vectors[1::2])
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
