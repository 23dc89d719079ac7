"""What the tests of all heads share: random input, and a comparison with a reference in NumPy, float64."""

from dataclasses import dataclass
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

Array = npt.NDArray[Any]


@dataclass
class Reference:
    """HeadOutput's figures, and the gradients of the loss."""

    loss: float
    intra: float
    inter: float
    cos_genuine: float
    cos_impostor: float
    top1: float
    embedding_gradient: Array
    weight_gradient: Array


def unit(x: Array) -> tuple[Array, Array]:
    """Rows of unit length, and the lengths they had (N, 1), in float64."""
    length = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return x / length, length


def through_unit(gradient: Array, x_unit: Array, length: Array) -> Array:
    """The gradient of x, from that of x / |x|."""
    return (gradient - (gradient * x_unit).sum(1, keepdims=True) * x_unit) / length


def own_class(labels: Array, classes: int) -> Array:
    """1 at each sample's own class, else 0: float64 (B, C)."""
    own = np.zeros((len(labels), classes))
    own[np.arange(len(labels)), labels] = 1
    return own


def draw(seed: int, batch: int, classes: int, size: int) -> tuple[Array, Array]:
    """Embeddings and class weights."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((batch, size), dtype=np.float32) * 30
    return x, generator.standard_normal((classes, size), dtype=np.float32)


def check_head(head: nn.Module, x: Array, w: Array, labels: Array, expected: Reference) -> None:
    """Whether `head`, with `w` for its weights, gives what is expected, and its gradients are the expected ones."""
    head.weight.assign(jt.array(w))
    embedding: Any = jt.array(x)
    output = head(embedding, jt.array(labels.astype(np.int32)))
    d_x, d_w = jt.grad(output.loss, [embedding, head.weight])
    close(d_x.numpy(), expected.embedding_gradient)
    close(d_w.numpy(), expected.weight_gradient)
    scale = abs(expected.intra) + abs(expected.inter)
    for name in ("loss", "intra", "inter"):
        assert abs(getattr(output, name).item() - getattr(expected, name)) <= 1e-4 * scale, name
    for name in ("cos_genuine", "cos_impostor", "top1"):
        assert getattr(output, name).item() == pytest.approx(getattr(expected, name), abs=1e-5), name


def close(actual: Array, expected: Array) -> None:
    """max |Δ| / max |ref| ≤ 1e-4; where the reference is nothing but rounding, so must the result be."""
    assert np.isfinite(actual).all()
    assert np.abs(actual - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1e-3)
