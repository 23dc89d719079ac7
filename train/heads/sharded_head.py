"""The SFace head with its classes shared out over the ranks: each holds, and updates, its own rows of the weight alone.

SFace's factors need no sum over all classes, so a rank does its classes' part of the loss by itself, over the batch of
all ranks. Only features and labels travel to it, and the features' gradient and a few numbers a sample travel back.
There are five sums over all ranks in a step, one after the other (ordered_all_reduce.py):

    labels (B,) and features (B, D)   each rank puts in its own, between zeros
    rows (4, B)                       loss and cosines: each rank's classes' part
    nearer (B,)                       how many ranks have a class that is nearer than the sample's own
    d features (B, D)                 each rank's classes' part
"""

import math
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from ...errors import UsageError
from ...runtime.mpi_environment import rank, world_size
from ..config import HeadConfig
from .head_output import HeadOutput
from .ordered_all_reduce import OrderedAllReduce
from .sface_head import figures, loss_of
from .sface_operator import COS_Y, LARGEST, NEAREST, rows_and_gradients

_ROWS_AT_ONCE = 4096  # rows of the weight


class ShardedSFaceHead(nn.Module):
    """The SFace loss over `classes` classes, of which this rank has `first` .. `last` - 1.

    weight: float32 (last - first, D), its rows of any length; at first those rows of the weight that a head which is
    not shared out begins with.
    """

    def __init__(self, classes: int, embedding_size: int, config: HeadConfig, seed: int) -> None:
        """Raises UsageError where there are fewer classes than ranks."""
        if classes < world_size():
            raise UsageError(
                f"sharded: {classes} classes can't be shared out over {world_size()} processes", argument="sharded"
            )
        self.classes = classes
        self.config = config
        self.first, self.last = (classes * end // world_size() for end in (rank(), rank() + 1))
        self.weight = jt.array(_init_rows(seed, classes, embedding_size, self.first, self.last))

    def execute(self, embedding: Any, labels: Any) -> HeadOutput:
        """embedding float32 (b, D), raw, and labels int32 (b,), of this rank's samples; b is the same on all ranks.

        What comes back is of the batch of all ranks, and the same on each. The gradient of the embedding is that of the
        mean over this rank's samples, as without sharing out, where gradients are averaged over the ranks; that of the
        weight is of the mean over all samples.
        """
        if self.is_training():
            loss, rows, nearer = _Loss.apply(embedding, self.weight, labels, self.config, self.first)
            rows, nearer = rows.detach(), nearer.detach()
        else:
            rows, nearer, *_ = _over_ranks(embedding, self.weight, labels, self.config, self.first, False)
            loss = loss_of(rows)
        return figures(loss, rows, (nearer == 0).float32(), self.classes)


class _Loss(jt.Function):
    """(embedding, weight, labels, config, first class) → the loss (1,), rows (4, B) and nearer (B,)."""

    def execute(self, embedding: Any, weight: Any, labels: Any, config: HeadConfig, first: int) -> Any:
        rows, nearer, *self.gradients = _over_ranks(embedding, weight, labels, config, first, True)
        return loss_of(rows), rows, nearer

    def grad(self, d_loss: Any, _rows: Any, _nearer: Any) -> Any:
        d_embedding, d_weight = self.gradients
        batch = d_embedding.shape[0]
        return d_embedding * (d_loss / batch), d_weight * (d_loss / (batch * world_size())), None, None, None


def _over_ranks(
    embedding: Any, weight: Any, labels: Any, config: HeadConfig, first: int, with_gradients: bool
) -> tuple[Any, ...]:
    """Rows (4, B) and nearer (B,), of all ranks; then, where wanted, the gradients of the sum of the loss over the
    batch: of this rank's embeddings (b, D) and of its weight (c, D)."""
    all_reduce = OrderedAllReduce()
    labels = all_reduce.gather(labels)
    embeddings = all_reduce.gather(embedding.detach())
    rows, *gradients = rows_and_gradients(embeddings, weight, labels - first, config, with_gradients)
    of_all = all_reduce.sum(rows[:LARGEST])
    # Of classes that are equally near the first counts, on whichever rank.
    is_before = jt.logical_and(rows[LARGEST] == of_all[COS_Y], rows[NEAREST].int32() + first < labels)
    nearer = all_reduce.sum(jt.logical_or(rows[LARGEST] > of_all[COS_Y], is_before).float32())
    if not with_gradients:
        return of_all, nearer
    d_embeddings, d_weight = gradients
    own = slice(rank() * embedding.shape[0], (rank() + 1) * embedding.shape[0])
    return of_all, nearer, all_reduce.sum(d_embeddings)[own], d_weight


def _init_rows(seed: int, classes: int, embedding_size: int, first: int, last: int) -> np.ndarray:
    """Rows `first` .. `last` - 1 of `init_head_weight`, without the others in memory."""
    generator = np.random.default_rng([seed, 1])
    rows = np.empty((last - first, embedding_size), dtype=np.float32)
    for start in range(0, last, _ROWS_AT_ONCE):
        block = generator.standard_normal((min(_ROWS_AT_ONCE, last - start), embedding_size), dtype=np.float32)
        kept = block[max(0, first - start) :]
        end = start + len(block) - first
        if len(kept):
            rows[end - len(kept) : end] = kept
    rows *= np.float32(2 * math.sqrt(2 / classes))
    return rows
