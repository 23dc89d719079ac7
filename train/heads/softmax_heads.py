"""Heads that SFace is compared with: cross-entropy of logits, one for each class.

    L = - logit_y + log Σ_j exp(logit_j)

with x the feature, W the class weights, θ the angles between them, y the label, s the scale, m the margin:

    Softmax  logit_j = W_j · x, both as they are and without a bias: a linear layer
    CosFace  logit_j = s cos θ_j, but s (cos θ_y - m) for the own class (Wang et al., "CosFace: Large Margin Cosine Loss
             for Deep Face Recognition", CVPR 2018, arXiv:1801.09414)
    ArcFace  logit_j = s cos θ_j, but s cos(θ_y + m) for the own class (Deng et al., "ArcFace: Additive Angular Margin
             Loss for Deep Face Recognition", CVPR 2019, arXiv:1801.07698)

cos(θ + m) falls until θ = π - m and would rise again; beyond it ArcFace goes on with cos θ - m sin m, which falls too.
"""

import math
from typing import Any

import jittor as jt
from jittor import nn

from ..config import HeadConfig
from .head_output import HeadOutput, init_head_weight, lengths, unit

# Near θ = 0 and π the slope of sin θ over cos θ is infinite. Below this sine it counts as constant; the gradient of
# the feature, which is in proportion to the sine, is as good as 0 there.
_LEAST_SINE = 1e-3


class SoftmaxHead(nn.Module):
    """Plain softmax over `classes` classes; `weight` is float32 (classes, D)."""

    def __init__(self, classes: int, embedding_size: int, seed: int) -> None:
        self.classes = classes
        self.weight = jt.array(init_head_weight(seed, classes, embedding_size))

    def execute(self, embedding: Any, labels: Any) -> HeadOutput:
        """embedding float32 (B, D), raw; labels int32 (B,)."""
        logits = nn.matmul_transpose(embedding, self.weight)  # (B, C)
        cos = logits.detach() / lengths(embedding.detach()) / lengths(self.weight.detach()).reshape((1, -1))
        return _cross_entropy(logits, cos, logits.detach(), labels)


class MarginHead(nn.Module):
    """ArcFace or CosFace over `classes` classes; `weight` is float32 (classes, D), its rows of any length."""

    def __init__(self, classes: int, embedding_size: int, config: HeadConfig, seed: int) -> None:
        self.classes = classes
        self.config = config
        self.weight = jt.array(init_head_weight(seed, classes, embedding_size))

    def execute(self, embedding: Any, labels: Any) -> HeadOutput:
        """embedding float32 (B, D), raw; labels int32 (B,)."""
        x, w = unit(embedding), unit(self.weight)
        cos = nn.matmul_transpose(x, w)  # (B, C)
        rows = jt.arange(cos.shape[0])
        if self.config.name == "CosFace":
            cos_y = cos[rows, labels] - self.config.margin  # (B,)
        else:
            cos_y = _add_angle((x - w[labels]).sqr().sum(dim=1) / 2, self.config.margin)
        logits = self.config.s * cos
        logits[rows, labels] = self.config.s * cos_y
        fixed = cos.detach()
        return _cross_entropy(logits, fixed, fixed, labels)


def _add_angle(distance: Any, m: float) -> Any:
    """cos(θ + m), and what continues it, of 1 - cos θ (B,).

    The distance comes from the difference of the two unit vectors: of cos θ as their product, rounded to float32, there
    is little left to take from 1 where θ is small.
    """
    cos = 1.0 - distance
    sine = jt.sqrt((distance * (2.0 - distance)).maximum(_LEAST_SINE**2))
    return jt.ternary(cos > -math.cos(m), cos * math.cos(m) - sine * math.sin(m), cos - m * math.sin(m))


def _cross_entropy(logits: Any, cos: Any, nearness: Any, labels: Any) -> HeadOutput:
    """The mean over a batch, and its figures; all but `labels` are (B, C), and `cos` and `nearness` without gradient.

    nearness: the class that has most of it is the nearest.
    """
    batch, classes = cos.shape
    rows = jt.arange(batch)
    largest = logits.detach().max(dim=1, keepdims=True)  # (B, 1); without it exp would overflow
    intra = -logits[rows, labels].mean()
    inter = (jt.log(jt.exp(logits - largest).sum(dim=1)) + largest.reshape((batch,))).mean()
    cos_y = cos[rows, labels]  # (B,)
    return HeadOutput(
        loss=intra + inter,
        intra=intra.detach(),
        inter=inter.detach(),
        cos_genuine=cos_y.mean().stop_grad(),
        cos_impostor=((cos.sum() - cos_y.sum()) / (batch * max(1, classes - 1))).stop_grad(),
        top1=(nearness.argmax(dim=1)[0] == labels).float32().mean().stop_grad(),
    )
