"""ArcFace, CosFace and plain softmax and their gradients against a reference in NumPy, float64."""

import math
from typing import Any

import jittor as jt
import numpy as np
import pytest

from sface.train.config import HeadConfig
from sface.train.heads.build import build_head
from tests.train.heads.head_reference import Array, Reference, check_head, draw, own_class, through_unit, unit

pytestmark = pytest.mark.jittor

NAMES = ("ArcFace", "CosFace", "Softmax")


def reference(x: Array, w: Array, labels: Array, c: HeadConfig) -> Reference:
    """The formulas, and their gradients by the chain rule, all in float64."""
    (x_unit, x_length), (w_unit, w_length) = unit(x), unit(w)
    cos = x_unit @ w_unit.T
    own = own_class(labels, len(w))
    if c.name == "Softmax":
        logits, slope = x.astype(np.float64) @ w.T.astype(np.float64), np.ones(cos.shape)
    elif c.name == "CosFace":
        logits, slope = c.s * (cos - c.margin * own), np.full(cos.shape, c.s)
    else:
        theta = np.arccos(cos)
        beyond = theta + c.margin > math.pi
        with_margin = np.where(beyond, cos - c.margin * math.sin(c.margin), np.cos(theta + c.margin))
        logits = c.s * (own * with_margin + (1 - own) * cos)
        slope = c.s * np.where((own > 0) & ~beyond, np.sin(theta + c.margin) / np.sin(theta), 1)  # d logit / d cos
    powers = np.exp(logits - logits.max(1, keepdims=True))
    batch = len(labels)
    d_logits = (powers / powers.sum(1, keepdims=True) - own) / batch
    intra = -(own * logits).sum() / batch
    inter = float((np.log(powers.sum(1)) + logits.max(1)).mean())
    if c.name == "Softmax":
        d_x, d_w = d_logits @ w, d_logits.T @ x
    else:
        d_x = through_unit(d_logits * slope @ w_unit, x_unit, x_length)
        d_w = through_unit((d_logits * slope).T @ x_unit, w_unit, w_length)
    return Reference(
        loss=intra + inter,
        intra=intra,
        inter=inter,
        cos_genuine=(own * cos).sum() / batch,
        cos_impostor=((1 - own) * cos).sum() / max(1, cos.size - batch),
        top1=float(((logits if c.name == "Softmax" else cos).argmax(1) == labels).mean()),
        embedding_gradient=d_x,
        weight_gradient=d_w,
    )


def check(x: Array, w: Array, labels: Array, config: HeadConfig) -> None:
    head = build_head(config, w.shape[0], w.shape[1], seed=0)
    check_head(head, x, w, labels, reference(x, w, labels, config))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("batch", "classes", "size"), [(8, 20, 16), (1, 3, 4), (16, 293, 512)])
def test_random_input(name: str, batch: int, classes: int, size: int) -> None:
    x, w = draw(0, batch, classes, size)
    check(x, w, np.random.default_rng(0).integers(0, classes, batch), HeadConfig(name))


@pytest.mark.parametrize("name", NAMES)
def test_features_near_their_class(name: str) -> None:
    """Where training goes: most own classes are the nearest, some would not be with the margin."""
    _, w = draw(1, 1, 12, 16)
    x = (w + np.random.default_rng(1).normal(0, 1, w.shape).astype(np.float32)) / 3
    config = HeadConfig(name, s=8.0)
    assert reference(x, w, np.arange(12), config).top1 > 0.5
    check(x, w, np.arange(12), config)


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.2])
def test_arcface_at_all_angles(margin: float) -> None:
    """From 0.01 to 3.13 from the own class weight: on both sides of π - margin."""
    _, w = draw(0, 1, 6, 8)
    angles = np.linspace(0.01, 3.13, 40)
    axis = w[0] / np.linalg.norm(w[0])
    side = w[1] - (w[1] @ axis) * axis
    side /= np.linalg.norm(side)
    x = (np.cos(angles)[:, None] * axis + np.sin(angles)[:, None] * side).astype(np.float32)
    check(x, w, np.zeros(40, dtype=int), HeadConfig("ArcFace", s=4.0, margin=margin))


@pytest.mark.parametrize("sign", [1, -1])
def test_arcface_where_the_sine_is_zero(sign: int) -> None:
    """A feature on its class weight, or opposite to it: the slope of the sine is infinite, the gradient must not be."""
    _, w = draw(2, 1, 5, 8)
    head = build_head(HeadConfig("ArcFace"), 5, 8, seed=0)
    head.weight.assign(jt.array(w))
    embedding: Any = jt.array(sign * 7 * w)
    output = head(embedding, jt.array(np.arange(5, dtype=np.int32)))
    gradients = jt.grad(output.loss, [embedding, head.weight])
    assert all(np.abs(gradient.numpy()).max() < 100 for gradient in gradients)
    target = math.cos(0.5) if sign == 1 else -1 - 0.5 * math.sin(0.5)
    assert output.intra.item() == pytest.approx(-64 * target, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_large_logits(name: str) -> None:
    """exp of them is beyond float32."""
    x, w = draw(3, 6, 10, 16)
    check(20 * x, w, np.arange(6), HeadConfig(name, s=300.0))


@pytest.mark.parametrize("name", NAMES)
def test_one_class(name: str) -> None:
    x, w = draw(4, 3, 1, 8)
    check(x, w, np.zeros(3, dtype=int), HeadConfig(name))


@pytest.mark.parametrize(
    ("name", "fields"),
    [("ArcFace", {"s": 32.0}), ("ArcFace", {"margin": 0.3}), ("CosFace", {"s": 32.0}), ("CosFace", {"margin": 0.3})],
)
def test_each_parameter_counts(name: str, fields: dict[str, Any]) -> None:
    x, w = draw(5, 8, 20, 16)
    labels = np.arange(8)
    check(x, w, labels, HeadConfig(name, **fields))
    plain, changed = (reference(x, w, labels, HeadConfig(name, **extra)) for extra in ({}, fields))
    assert abs(plain.loss - changed.loss) > 1
