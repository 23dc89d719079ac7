"""What every head gives, and what they have in common."""

from dataclasses import dataclass
from typing import Any

import jittor as jt
import numpy as np

from ...models.networks import init_weight


@dataclass(frozen=True, slots=True)
class HeadOutput:
    """Scalars of a batch, as Vars that nobody has waited for. All but `loss` carry no gradient.

    loss         intra + inter
    intra        the part of the own class: SFace's mean of - r_intra cos θ_y, the others' mean of - (logit of y)
    inter        the part of the other classes: SFace's mean of Σ_{j≠y} r_inter cos θ_j, the others' mean of the
                 logarithm of the sum of all classes' exp(logit)
                 With a teacher: the parts of the cosines and of the relations (teacher_head.py)
    cos_genuine  mean cos θ_y, without a margin
    cos_impostor mean cos θ_j, j ≠ y (0 where there is one class)
    top1         share of samples whose own class is the nearest (Softmax: has the largest logit), without a margin
    """

    loss: Any
    intra: Any
    inter: Any
    cos_genuine: Any
    cos_impostor: Any
    top1: Any


def init_head_weight(seed: int, classes: int, embedding_size: int) -> np.ndarray:
    """float32 (classes, embedding_size), the weight that a head of this seed begins with."""
    return init_weight(np.random.default_rng([seed, 1]), (classes, embedding_size))


def lengths(x: Any) -> Any:
    """Lengths (N, 1) of the rows of `x`, float32 (N, D); at least 1e-12, so that they can be divided by."""
    return jt.sqrt((x * x).sum(dim=1, keepdims=True)).maximum(1e-12)


def unit(x: Any) -> Any:
    """Rows of `x`, float32 (N, D), divided by their lengths."""
    return x / lengths(x)
