"""The loss of a network that learns a teacher's embeddings: distillation, without labels.

With s_i the unit embeddings of a batch of B crops and t_i those that the teacher gives for the same crops,

    L = SCALE (mean_i (1 - s_i · t_i) + RELATIONS mean_ij (s_i · s_j - t_i · t_j)²)

The first part brings each embedding to its place, the second the faces into the same relations: which are alike, which
are not (Park, Kim, Lu, Cho: "Relational Knowledge Distillation", CVPR 2019, arXiv:1904.05068, does that with distances
and angles; Tung, Mori: "Similarity-Preserving Knowledge Distillation", ICCV 2019, arXiv:1907.09682, with the matrix of
similarities). SCALE is that of the other heads, so that the same learning rates fit.
"""

from typing import Any

import jittor as jt
from jittor import nn

from .head_output import HeadOutput, unit
from .ordered_all_reduce import OrderedAllReduce

SCALE = 64.0
RELATIONS = 5.0


class TeacherHead(nn.Module):
    """That loss, over the batch of all ranks. It has nothing to train and no classes: a crop's class, for the figures,
    is what the teacher says of it, and the other classes are those of the other crops of the batch."""

    def execute(self, embedding: Any, targets: Any) -> HeadOutput:
        """embedding float32 (b, D), raw, and targets float32 (b, D), the teacher's unit vectors, of this rank's part.

        What comes back is of the batch of all ranks, and the same on each. A rank's embeddings get their gradient from
        each of the ranks, so that the mean over the ranks, which is what they train with, is that of one loss.
        """
        all_reduce = OrderedAllReduce()
        targets = all_reduce.gather(targets)
        own = unit(all_reduce.gather(embedding))
        batch = own.shape[0]
        cos = nn.matmul_transpose(own, targets)  # (B, B)
        cos_y = (own * targets).sum(dim=1)  # (B,)
        difference = nn.matmul_transpose(own, own) - nn.matmul_transpose(targets, targets)  # (B, B)
        intra = SCALE * (1.0 - cos_y).mean()
        inter = SCALE * RELATIONS * difference.sqr().mean()
        fixed = cos.detach()
        nearest = fixed.argmax(dim=1)[0]
        return HeadOutput(
            loss=intra + inter,
            intra=intra.detach(),
            inter=inter.detach(),
            cos_genuine=cos_y.mean().stop_grad(),
            cos_impostor=((fixed.sum() - cos_y.detach().sum()) / max(1, batch * (batch - 1))).stop_grad(),
            top1=(nearest == jt.arange(batch)).float32().mean().stop_grad(),
        )
