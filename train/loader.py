"""Batches of crops for training, in an order that depends on the seed and the epoch alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ImageError, UsageError
from ..opencv import cv2
from .image_sets import Image, ImageSet, Labels

UNREADABLE_SHARE = 0.01  # a set of which more than this can't be read is refused


@dataclass(frozen=True, slots=True)
class Batch:
    """One rank's share b of a batch.

    images: uint8 (b, size, size, 3) RGB; labels: int32 (b,). The arrays belong to the receiver.
    """

    images: Image
    labels: Labels


class Loader:
    """Shuffled batches of an image set, with crops mirrored left to right at random.

    Which crops make up batch i of epoch e, their order and which of them are mirrored follow from (seed, e) alone:
    ranks share out the same batches, rank r taking the r-th of `ranks` equal runs of each. An image that can't be read
    is replaced by the next readable one of the set, so that every batch is full.

    unreadable: index of each image that this rank couldn't read, with the reason.
    """

    def __init__(
        self,
        image_set: ImageSet,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Serve `rank` of `ranks` with its share of batches of `batch_size` crops in all.

        Raises UsageError where the batch can't be filled from the set or shared out evenly, and DataError where more
        than 1 % of the set is known to be unreadable.
        """
        if batch_size < 1 or batch_size % ranks:
            raise UsageError(f"a batch of {batch_size} can't be shared out evenly over {ranks} ranks: change its size")
        if batch_size > len(image_set):
            raise UsageError(
                f"{image_set.root}: {len(image_set)} images can't fill a batch of {batch_size}: choose a smaller one"
            )
        if seed < 0:
            raise UsageError(f"the seed {seed} is negative: choose one from 0 up")
        self.batches_per_epoch = len(image_set) // batch_size
        self.unreadable = dict(image_set.unreadable)
        self._set = image_set
        self._seed = seed
        self._batch_size = batch_size
        self._share = batch_size // ranks
        self._rank = rank
        self._refuse_damaged_set()

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches `start` .. batches_per_epoch - 1 of epoch `number`; earlier ones are not decoded.

        Crops that don't fill a last batch are left out; which they are changes with the epoch. Raises DataError as soon
        as more than 1 % of the set has turned out to be unreadable.
        """
        order, mirrored = self._plan(number)
        for batch in range(start, self.batches_per_epoch):
            first = batch * self._batch_size + self._rank * self._share
            share = slice(first, first + self._share)
            yield self._load(order[share], mirrored[share])

    def _plan(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Indices in the order of the epoch, and whether each is mirrored; both (N,)."""
        random = np.random.Generator(np.random.PCG64([self._seed, number]))
        order = random.permutation(len(self._set))
        return order, random.random(len(order)) < 0.5

    def _load(self, indices: npt.NDArray[np.int64], mirrored: npt.NDArray[np.bool_]) -> Batch:
        size = self._set.size
        images = np.empty((len(indices), size, size, 3), dtype=np.uint8)
        labels = np.empty(len(indices), dtype=np.int32)
        for slot, index in enumerate(indices):
            image, used = self._readable(int(index))
            # OpenCV's flip: copying image[:, ::-1] takes nearly as long as decoding did.
            images[slot] = cv2.flip(image, 1) if mirrored[slot] else image
            labels[slot] = self._set.labels[used]
        return Batch(images, labels)

    def _readable(self, index: int) -> tuple[Image, int]:
        """The image at `index`, else the next one that can be read, with the index it has."""
        while True:
            if index not in self.unreadable:
                try:
                    return self._set.image(index), index
                except ImageError as error:
                    self.unreadable[index] = str(error)
                    self._refuse_damaged_set()
            index = (index + 1) % len(self._set)

    def _refuse_damaged_set(self) -> None:
        bad, whole = len(self.unreadable), len(self._set)
        if bad > UNREADABLE_SHARE * whole:
            first = "; ".join(list(self.unreadable.values())[:3])
            raise DataError(
                f"{self._set.root}: {bad} of {whole} images can't be read, more than "
                f"{UNREADABLE_SHARE:.0%}; get the set again or mend it. The first: {first}"
            )
