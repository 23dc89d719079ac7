"""Batches of crops for training, in an order that depends on the seed and the epoch alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from ...datasets.image_sets import Image, ImageSet
from ...errors import UsageError
from ..config import AugmentConfig
from ..teacher import Teacher
from .batches import BatchMaker, Targets
from .loader_workers import LoaderWorkers

_NO_CHANGE = AugmentConfig()


@dataclass(frozen=True, slots=True)
class Batch:
    """One rank's share b of a batch.

    images: uint8 (b, size, size, 3) RGB.
    targets: their labels, int32 (b,), or the teacher's unit embeddings of them, float32 (b, D).
    Both are overwritten once the next batch is asked for.
    epoch: which one the batch belongs to, from 0.
    """

    images: Image
    targets: Targets
    epoch: int


class Loader:
    """Shuffled batches of an image set, with crops mirrored left to right, and changed otherwise, at random.

    Which crops make up batch i of epoch e, their order and how they are changed follow from (seed, e) alone, with any
    number of ranks and workers: ranks share out the same batches, rank r taking the r-th of `ranks` equal runs of each.
    An image that can't be read is replaced by the next readable one of the set, so that every batch is full.

    batches_per_epoch: crops that don't fill a last batch are left out; which they are changes with the epoch.
    unreadable: index of each image that this rank couldn't read, with the reason.
    waited: seconds that `batches` has spent waiting for workers or, without workers, decoding; never reset.

    A context manager: `close` ends the workers.
    """

    def __init__(
        self,
        image_set: ImageSet,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        augment: AugmentConfig = _NO_CHANGE,
        teacher: Teacher | None = None,
    ) -> None:
        """Serve `rank` of `ranks` with its share of batches of `batch_size` crops in all.

        `workers` processes decode ahead, or this one does where there are none. They start here and now: make the
        loader before Jittor is imported. Raises UsageError where the batch can't be filled from the set or shared out
        evenly, or needs more memory than there is, and DataError where more than 1 % of the set is known to be
        unreadable.
        """
        if workers < 0:
            raise UsageError(f"num_workers {workers}: must be 0 or more", argument="num_workers")
        self._maker = BatchMaker(
            image_set, batch_size=batch_size, seed=seed, rank=rank, ranks=ranks, augment=augment, teacher=teacher
        )
        self.batches_per_epoch = self._maker.batches_per_epoch
        self.unreadable = self._maker.unreadable
        self.waited = 0.0
        self._workers = LoaderWorkers(self._maker, workers) if workers else None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are at; a second call does nothing. There are no batches after it."""
        if self._workers is not None:
            self._workers.close()

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """Yield the batches of steps `first_step` .. `last_step` - 1, counted over all epochs.

        Workers go on into the next epoch without a pause. New batches may be asked for at any time, and end those asked
        for before. Raises DataError as soon as more than 1 % of the set has turned out to be unreadable, and SFaceError
        as soon as a worker has failed or died.
        """
        for step, (images, targets) in self._filled(first_step, last_step):
            yield Batch(images, targets, step // self.batches_per_epoch)

    def _filled(self, first_step: int, last_step: int) -> Iterator[tuple[int, tuple[Image, Targets]]]:
        workers = self._workers
        if workers is None:
            size = self._maker.image_set.size
            images = np.empty((self._maker.share, size, size, 3), dtype=np.uint8)
            targets: Targets = np.empty((self._maker.share, *self._maker.target_shape), self._maker.target_type)
            for step in range(first_step, last_step):
                start = time.perf_counter()
                self._maker.fill(step, images, targets)
                self.waited += time.perf_counter() - start
                yield step, (images, targets)
            return
        workers.drain()
        for step in range(first_step, min(first_step + workers.capacity, last_step)):
            workers.ask(step)
        for step in range(first_step, last_step):
            start = time.perf_counter()
            batch = workers.receive(step)
            self.waited += time.perf_counter() - start
            yield step, batch
            if step + workers.capacity < last_step:
                workers.ask(step + workers.capacity)
