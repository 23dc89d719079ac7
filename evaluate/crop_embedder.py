"""A network as the protocols use it: crops → raw embeddings, the mirror image's added or not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..align.crop import CROP_SIZE
from ..errors import DataError

# uint8 (N, S, S, 3) RGB → raw embeddings, float32 (N, D)
Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class RawEmbeddings(NamedTuple):
    """Embeddings of n crops.

    vectors  float64 (n, D), not normalised, none of them 0 throughout; the sum of the crop's and its mirror image's
             where mirror images are added
    lengths  float64 (n,), the length of the crop's raw embedding; the mean of both where mirror images are added
    """

    vectors: NDArray[np.float64]
    lengths: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CropEmbedder:
    """What embeds crops, and how.

    embed  always gets `batch` crops, so that a network is compiled for one shape
    name   what errors about embeddings name: the network's path, or the set's
    size   width and height of the crops in pixels, S
    batch  crops that are given to `embed` at once
    flip   whether the mirror image's embedding is added
    """

    embed: Embed
    name: str
    size: int = CROP_SIZE
    batch: int = 64
    flip: bool = True

    def raw(self, crops: NDArray[np.uint8]) -> RawEmbeddings:
        """Embed n <= `batch` crops, uint8 (n, S, S, 3) RGB. The batch is filled up with the last crop.

        Raises DataError where an embedding is not finite or of length 0.
        """
        count = len(crops)
        full = np.concatenate([crops, np.repeat(crops[-1:], self.batch - count, axis=0)])
        raw = [self._checked(self.embed(full))[:count]]
        if self.flip:
            raw.append(self._checked(self.embed(np.ascontiguousarray(full[:, :, ::-1])))[:count])
        summed = np.sum(raw, axis=0)  # (n, D)
        if not summed.any(axis=1).all():
            raise DataError("the embedding of an image is 0 throughout; the network is damaged", path=self.name)
        return RawEmbeddings(summed, np.linalg.norm(raw, axis=2).mean(axis=0))

    def _checked(self, embeddings: NDArray[Any]) -> NDArray[np.float64]:
        if embeddings.ndim != 2 or len(embeddings) != self.batch:
            raise DataError(f"{self.batch} images gave embeddings of shape {embeddings.shape}", path=self.name)
        if not np.isfinite(embeddings).all():
            raise DataError(
                "an embedding is not a number; the network is damaged, or its training failed", path=self.name
            )
        return embeddings.astype(np.float64)
