"""The SFace loss and its gradients against a reference in NumPy, float64."""

from typing import Any

import jittor as jt
import numpy as np
import pytest

from sface.train.config import HeadConfig
from sface.train.heads.sface_head import SFaceHead
from tests.train.heads.head_reference import Array, Reference, check_head, draw, own_class, through_unit, unit

pytestmark = pytest.mark.jittor


def reference(x: Array, w: Array, labels: Array, c: HeadConfig) -> Reference:
    """The formula with dense masks, and its gradient by the chain rule, all in float64."""
    (x_unit, x_length), (w_unit, w_length) = unit(x), unit(w)
    cos = x_unit @ w_unit.T
    theta = np.arccos(np.clip(cos, -1, 1))
    own = own_class(labels, len(w))
    with np.errstate(over="ignore"):
        r_intra = c.s / (1 + np.exp(-c.k * (theta - c.a)))
        r_inter = c.s / (1 + np.exp(c.k * (theta - c.b)))
    batch = len(labels)
    intra = -(own * r_intra * cos).sum() / batch
    inter = ((1 - own) * r_inter * cos).sum() / batch
    d_cos = ((1 - own) * r_inter - own * r_intra) / batch
    return Reference(
        loss=intra + inter,
        intra=intra,
        inter=inter,
        cos_genuine=(own * cos).sum() / batch,
        cos_impostor=((1 - own) * cos).sum() / max(1, cos.size - batch),
        top1=float((cos.argmax(1) == labels).mean()),
        embedding_gradient=through_unit(d_cos @ w_unit, x_unit, x_length),
        weight_gradient=through_unit(d_cos.T @ x_unit, w_unit, w_length),
    )


def check(x: Array, w: Array, labels: list[int], config: HeadConfig | None = None) -> None:
    config = config or HeadConfig()
    targets = np.array(labels)
    head = SFaceHead(w.shape[0], w.shape[1], config, seed=0)
    check_head(head, x, w, targets, reference(x, w, targets, config))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("batch", "classes", "size"), [(8, 20, 16), (1, 3, 4), (16, 293, 512)])
def test_random_input(seed: int, batch: int, classes: int, size: int) -> None:
    x, w = draw(seed, batch, classes, size)
    labels = np.random.default_rng(seed).integers(0, classes, batch).tolist()
    # In few dimensions angles reach every part of both sigmoids, in 512 they lie near π/2, beyond b: both are real.
    check(x, w, labels)


def test_angles_across_both_sigmoids() -> None:
    """Features at angles 0.1 … 3 from their class weight, where the factors go from 0 to s."""
    _, w = draw(0, 1, 6, 8)
    angles = np.linspace(0.1, 3.0, 30)
    axis = w[0] / np.linalg.norm(w[0])
    side = w[1] - (w[1] @ axis) * axis
    side /= np.linalg.norm(side)
    x = (np.cos(angles)[:, None] * axis + np.sin(angles)[:, None] * side).astype(np.float32)
    check(x, w, [0] * 30)


def test_feature_on_its_class_weight() -> None:
    x, w = draw(1, 4, 5, 8)
    x[:] = w[:4] * 7
    check(x, w, [0, 1, 2, 3])


def test_feature_opposite_to_its_class_weight() -> None:
    x, w = draw(2, 4, 5, 8)
    x[:] = -w[:4] * 7
    check(x, w, [0, 1, 2, 3])


def test_the_gradient_survives_at_a_cosine_of_one() -> None:
    """A clamp on the cosine that carries the gradient would stop the push from another class on the same ray."""
    w = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    x = np.array([[0, 3, 0.3]], dtype=np.float32)
    check(x, w, [0])
    head = SFaceHead(2, 3, HeadConfig(), seed=0)
    head.weight.assign(jt.array(w))
    embedding = jt.array(x)
    gradient = jt.grad(head(embedding, jt.array(np.array([0], dtype=np.int32))).loss, embedding).numpy()
    assert np.abs(gradient).max() > 1


def test_one_class() -> None:
    x, w = draw(3, 4, 1, 8)
    check(x, w, [0, 0, 0, 0])


def test_first_and_last_label() -> None:
    x, w = draw(4, 4, 7, 8)
    check(x, w, [0, 6, 6, 0])


@pytest.mark.parametrize("changed", [{"s": 32.0}, {"k": 40.0}, {"a": 1.3}, {"b": 1.6}])
def test_each_parameter_counts(changed: dict[str, Any]) -> None:
    x, w = draw(5, 8, 20, 16)
    labels = list(range(8))
    check(x, w, labels, HeadConfig(**changed))
    targets = np.array(labels)
    assert reference(x, w, targets, HeadConfig(**changed)).loss != reference(x, w, targets, HeadConfig()).loss
