"""The SFace head: from embeddings and labels to the loss.

SFace (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 2021,
arXiv:2205.12010). With θ the angles between the unit feature x and the unit class weights W, and y the label:

    L       = - [r_intra(θ_y)] cos θ_y + Σ_{j≠y} [r_inter(θ_j)] cos θ_j        [·] = no gradient through it
    r_intra = s / (1 + exp(-k (θ_y - a)))        r_inter = s / (1 + exp( k (θ_j - b)))

The pull of a sample to its class fades once its angle is below a, the push from another class fades once its angle is
above b. The loss is negative when training goes well.
"""

from typing import Any

import jittor as jt
from jittor import nn

from ..config import HeadConfig
from .head_output import HeadOutput, init_head_weight
from .sface_operator import COS_OTHERS, COS_Y, INTER, INTRA, NEAREST, rows_and_gradients


class _Loss(jt.Function):
    """(embedding, weight, labels, config) → the loss (1,) and `rows` (6, B) of sface_operator.py."""

    def execute(self, embedding: Any, weight: Any, labels: Any, config: HeadConfig) -> Any:
        rows, *self.gradients = rows_and_gradients(embedding, weight, labels, config)
        return loss_of(rows), rows

    def grad(self, d_loss: Any, _rows: Any) -> Any:
        d_embedding, d_weight = self.gradients
        scale = d_loss / d_embedding.shape[0]
        return d_embedding * scale, d_weight * scale, None, None


def loss_of(rows: Any) -> Any:
    """The mean over the batch."""
    return (rows[INTRA] + rows[INTER]).mean()


class SFaceHead(nn.Module):
    """The SFace loss over `classes` classes; `weight` is float32 (classes, D), its rows of any length."""

    def __init__(self, classes: int, embedding_size: int, config: HeadConfig, seed: int) -> None:
        self.classes = classes
        self.config = config
        self.weight = jt.array(init_head_weight(seed, classes, embedding_size))

    def execute(self, embedding: Any, labels: Any) -> HeadOutput:
        """embedding float32 (B, D), raw; labels int32 (B,). In evaluation the loss carries no gradient either."""
        if self.is_training():
            loss, rows = _Loss.apply(embedding, self.weight, labels, self.config)
            rows = rows.detach()
        else:
            (rows,) = rows_and_gradients(embedding, self.weight, labels, self.config, with_gradients=False)
            loss = loss_of(rows)
        return figures(loss, rows, (rows[NEAREST] == labels).float32(), self.classes)


def figures(loss: Any, rows: Any, right: Any, classes: int) -> HeadOutput:
    """What a head gives.

    rows: float32 (6, B), as of all classes. right: float32 (B,), 1 where the own class of a sample is the nearest.
    """
    intra, cos_y = rows[INTRA].mean(), rows[COS_Y].mean()
    return HeadOutput(
        loss=loss,
        intra=intra.stop_grad(),
        inter=(rows[INTER].mean()).stop_grad(),
        cos_genuine=cos_y.stop_grad(),
        cos_impostor=(rows[COS_OTHERS].mean() / max(1, classes - 1)).stop_grad(),
        top1=right.mean().stop_grad(),
    )
