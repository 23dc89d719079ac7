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

from .config import HeadConfig
from .head_output import HeadOutput, draw_head_weight, unit


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)). Bounded to where it is above 1e-26: Jittor's kernels make NaN of a division by infinity."""
    return 1.0 / (1.0 + jt.exp(-x.clamp(-60.0, 60.0)))


class SFaceHead(nn.Module):
    """The SFace loss over `classes` classes; `weight` is float32 (classes, D), its rows of any length."""

    def __init__(self, classes: int, embedding_size: int, config: HeadConfig, seed: int) -> None:
        self.classes = classes
        self.config = config
        self.weight = jt.array(draw_head_weight(seed, classes, embedding_size))

    def execute(self, embedding: Any, labels: Any) -> HeadOutput:
        """embedding float32 (B, D), raw; labels int32 (B,)."""
        s, k, a, b = self.config.s, self.config.k, self.config.a, self.config.b
        cos = nn.matmul_transpose(unit(embedding), unit(self.weight))  # (B, C)
        rows = jt.arange(cos.shape[0])
        fixed = cos.detach()
        # Rounding gives |cos| > 1, and acos NaN: only the copy that goes there is clamped, since a clamp on the cosine
        # that carries the gradient would kill it at the ends.
        theta = jt.acos(fixed.clamp(-1.0, 1.0))
        r_inter = s * sigmoid(k * (b - theta))  # (B, C)
        r_intra = s * sigmoid(k * (theta[rows, labels] - a))  # (B,)
        # One factor for each cosine, no one-hot matrix: what stands at the label is replaced.
        factor = r_inter
        factor[rows, labels] = -r_intra
        factor = factor.stop_grad()
        loss = (factor * cos).sum() / cos.shape[0]

        cos_y = fixed[rows, labels]  # (B,)
        intra = -(r_intra * cos_y).mean()
        others = max(1, self.classes - 1)
        return HeadOutput(
            loss=loss,
            intra=intra.stop_grad(),
            inter=(loss - intra).stop_grad(),
            cos_genuine=cos_y.mean().stop_grad(),
            cos_impostor=((fixed.sum() - cos_y.sum()) / (cos.shape[0] * others)).stop_grad(),
            top1=(fixed.argmax(dim=1)[0] == labels).float32().mean().stop_grad(),
        )
