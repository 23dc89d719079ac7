"""Any batch of a training: which crops it holds, mirrored or not and how changed, their decoding, and what is to be
learned of them."""

from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from ...datasets.image_sets import UNREADABLE_SHARE, Image, ImageSet
from ...errors import DataError, ImageError, UsageError
from ...runtime.opencv import cv2
from ..config import AugmentConfig
from ..teacher import Teacher
from .augmentation import augment, blend

# int32 (b,), the labels of b crops; or float32 (b, D), unit vectors, what a teacher says of them.
Targets = npt.NDArray[Any]

NO_IMAGE = -1


class BatchMaker:
    """Decodes one rank's share of any batch, in the process of the training or in another: it can be pickled.

    batches_per_epoch: batches that can be filled from the set. share: crops that a rank has of each.
    target_shape, target_type: of what is to be learned of one crop: a label, or a teacher's embedding.
    unreadable: index of each image that was found to be unreadable here, with the reason.
    current: int64 (1,), the index of the image that is being read.
    """

    def __init__(
        self,
        image_set: ImageSet,
        *,
        batch_size: int,
        seed: int,
        rank: int,
        ranks: int,
        augment: AugmentConfig,
        teacher: Teacher | None,
    ) -> None:
        """Raises UsageError and DataError, as `Loader` says."""
        if batch_size < 1 or batch_size % ranks:
            raise UsageError(
                f"a batch of {batch_size} can't be shared out evenly over {ranks} ranks: change its size",
                argument="batch_size",
            )
        if batch_size > len(image_set):
            raise UsageError(
                f"{len(image_set)} images can't fill a batch of {batch_size}: choose a smaller one",
                path=image_set.root,
                argument="batch_size",
            )
        if seed < 0:
            raise UsageError(f"the seed {seed} is negative: choose one from 0 up", argument="seed")
        self.image_set = image_set
        self.batches_per_epoch = len(image_set) // batch_size
        self.share = batch_size // ranks
        self.unreadable = dict(image_set.unreadable)
        self.current = np.full(1, NO_IMAGE, dtype=np.int64)
        self._batch_size = batch_size
        self._seed = seed
        self._rank = rank
        self._augment = augment if augment != AugmentConfig() else None
        self._teacher = teacher
        self.target_shape: tuple[int, ...] = () if teacher is None else (teacher.embedding_size,)
        self.target_type: type[np.generic] = np.int32 if teacher is None else np.float32
        self._epoch = -1  # of the plan that is kept
        self._order: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._mirrored: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.refuse_damaged_set()

    def fill(self, step: int, images: Image, targets: Targets) -> None:
        """Write batch `step`, counted over all epochs, into `images`, uint8 (share, size, size, 3), and `targets`.

        An image that can't be read is replaced by the next readable one of the set. Raises DataError as soon as more
        than 1 % of the set has turned out to be unreadable, and ModelError where the teacher fails.
        """
        epoch, batch = divmod(step, self.batches_per_epoch)
        self._plan(epoch)
        first = batch * self._batch_size + self._rank * self.share
        share = slice(first, first + self.share)
        # Lists: an element of an array costs more than copying a picture.
        order, mirrored, used = self._order[share].tolist(), self._mirrored[share].tolist(), []
        for position, (index, slot) in enumerate(zip(order, images, strict=True), start=first):
            image, index = self._readable(index, slot if self._augment is None else None)
            used.append(index)
            if self._augment is not None:
                slot[:] = self._changed(image, self._augment, self._random(epoch, position))
        # All at once: after each decoding, which takes the processor's caches for itself, they take half as long again.
        # (Copying image[:, ::-1] would take nearly as long as decoding does.)
        for slot in compress(images, mirrored):
            cv2.flip(slot, 1, dst=slot)
        targets[:] = self.image_set.labels[used] if self._teacher is None else self._teacher.embed(images)
        self.current[0] = NO_IMAGE

    def refuse_damaged_set(self) -> None:
        """Raise DataError where more than 1 % of the set is known to be unreadable."""
        bad, whole = len(self.unreadable), len(self.image_set)
        if bad > UNREADABLE_SHARE * whole:
            first = "; ".join(list(self.unreadable.values())[:3])
            raise DataError(
                f"{bad} of {whole} images can't be read, more than {UNREADABLE_SHARE:.0%}",
                path=self.image_set.root,
                remedy=f"get the set again or mend it. The first: {first}",
            )

    def _plan(self, epoch: int) -> None:
        """Draw the order of an epoch, indices (N,), and at each place in it whether the image is mirrored."""
        if epoch != self._epoch:
            random = np.random.Generator(np.random.PCG64([self._seed, epoch]))
            self._order = random.permutation(len(self.image_set))
            self._mirrored = random.random(len(self._order)) < 0.5
            self._epoch = epoch

    def _random(self, epoch: int, position: int) -> np.random.Generator:
        """What decides how the image at a place in the order of an epoch is changed, whoever loads it."""
        # NumPy takes [seed, epoch, 0] for [seed, epoch]: the 1 keeps place 0 apart from the plan.
        return np.random.Generator(np.random.PCG64([self._seed, epoch, 1, position]))

    def _changed(self, image: Image, config: AugmentConfig, random: np.random.Generator) -> Image:
        if config.blend and random.random() < config.blend:
            other, _ = self._readable(int(random.integers(len(self.image_set))))
            image = blend(image, other, random)
        return augment(image, config, random)

    def _readable(self, index: int, out: Image | None = None) -> tuple[Image, int]:
        """The image at `index`, else the next one that can be read, with the index it has; in `out`, if given."""
        while True:
            if index not in self.unreadable:
                self.current[0] = index
                try:
                    return self.image_set.image(index, out), index
                except ImageError as error:
                    self.unreadable[index] = str(error)
                    self.refuse_damaged_set()
            index = (index + 1) % len(self.image_set)
