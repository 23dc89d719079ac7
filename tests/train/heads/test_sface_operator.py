"""The loss in blocks of classes against the same by Jittor's operators; the formula itself is tested with the head."""

import os
import subprocess
import sys
from typing import Any

import jittor as jt
import numpy as np
import pytest

from sface.train.config import HeadConfig
from sface.train.heads import sface_operator
from sface.train.heads.sface_operator import LARGEST, NEAREST, by_jittor, in_blocks, rows_and_gradients
from tests.train.heads.head_reference import Array, draw

pytestmark = pytest.mark.jittor


def run(
    function: Any, x: Array, w: Array, labels: list[int], config: HeadConfig, gradients: bool = True
) -> list[Array]:
    targets = jt.array(np.array(labels, dtype=np.int32))
    return [var.numpy() for var in function(jt.array(x), jt.array(w), targets, config, gradients)]


@pytest.mark.parametrize(
    ("batch", "classes", "size", "config"),
    [
        (8, 600, 512, HeadConfig()),  # nearly all factors are 0 in the gradients
        (8, 600, 8, HeadConfig()),  # hardly any
        (8, 600, 512, HeadConfig(s=32.0, k=20.0, a=1.5, b=1.6)),
        (8, 256, 16, HeadConfig()),
        (1, 1, 4, HeadConfig()),
    ],
)
def test_equals_jittors_operators(batch: int, classes: int, size: int, config: HeadConfig) -> None:
    x, w = draw(0, batch, classes, size)
    labels = np.linspace(0, classes - 1, batch).astype(int).tolist()
    for mine, other in zip(run(in_blocks, x, w, labels, config), run(by_jittor, x, w, labels, config), strict=True):
        assert mine.shape == other.shape
        # By rows: those of `rows` are of different size.
        scale = np.abs(other).max(axis=1) if len(mine) == 6 else np.abs(other).max()
        assert (np.abs(mine - other).max(axis=1) <= 1e-5 * np.maximum(scale, 1e-3)).all()


@pytest.mark.parametrize("function", [in_blocks, by_jittor])
def test_a_part_of_the_classes(function: Any) -> None:
    """Classes that are elsewhere have numbers below 0, or beyond the last; the sums over the parts are the whole."""
    x, w = draw(1, 6, 300, 16)
    labels = [0, 99, 100, 150, 299, 42]
    whole = run(function, x, w, labels, HeadConfig())
    first, second = (
        run(function, x, w[part], [label - part.start for label in labels], HeadConfig())
        for part in (slice(0, 100), slice(100, 300))
    )
    for row in range(LARGEST):
        assert first[0][row] + second[0][row] == pytest.approx(whole[0][row], rel=1e-5, abs=1e-4)
    assert np.array_equal(np.maximum(first[0][LARGEST], second[0][LARGEST]), whole[0][LARGEST])
    scale = 1e-5 * np.abs(whole[1]).max()
    assert np.abs(first[1] + second[1] - whole[1]).max() <= scale
    assert np.abs(np.concatenate([first[2], second[2]]) - whole[2]).max() <= 1e-5 * np.abs(whole[2]).max()


@pytest.mark.parametrize("function", [in_blocks, by_jittor])
def test_of_equally_near_classes_the_first_counts(function: Any) -> None:
    x = np.array([[2, 0], [0, 2]], dtype=np.float32)
    w = np.array([[0, -1], *[[1, 0]] * 299, [0, 1], [0, 1]], dtype=np.float32)  # two blocks
    rows = run(function, x, w, [1, 2], HeadConfig(), gradients=False)[0]
    assert rows[NEAREST].tolist() == [1, 300]
    assert rows[LARGEST].tolist() == [1, 1]


def test_without_gradients_the_rows_are_the_same() -> None:
    x, w = draw(2, 8, 600, 16)
    labels = list(range(8))
    (rows,) = run(in_blocks, x, w, labels, HeadConfig(), gradients=False)
    assert np.array_equal(rows, run(in_blocks, x, w, labels, HeadConfig())[0])


def test_the_same_bits_every_time() -> None:
    x, w = draw(3, 16, 3000, 64)
    first = run(in_blocks, x, w, list(range(16)), HeadConfig())
    for _ in range(3):
        again = run(in_blocks, x, w, list(range(16)), HeadConfig())
        assert all(np.array_equal(mine, other) for mine, other in zip(again, first, strict=True))


def test_rows_of_length_zero() -> None:
    x, w = draw(4, 4, 10, 8)
    x[0], w[1] = 0, 0
    for function in (in_blocks, by_jittor):
        assert all(np.isfinite(result).all() for result in run(function, x, w, [0, 1, 2, 3], HeadConfig()))


def test_a_feature_that_is_no_number_is_seen() -> None:
    """The run has to end there."""
    x, w = draw(5, 4, 600, 8)
    x[1, 3] = np.nan
    rows = run(in_blocks, x, w, [0, 1, 2, 3], HeadConfig())[0]
    assert np.isnan(rows).any()


def test_on_the_cpu_it_goes_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(sface_operator, "in_blocks", lambda *_: called.append("in_blocks"))
    rows_and_gradients(None, None, None, HeadConfig())
    assert called == ["in_blocks"]


def test_without_onednn_jittor_does_it_all() -> None:
    """A process of its own: the product of matrices is oneDNN's, which use_mkl=0 switches off."""
    program = (
        "import sface.models, jittor as jt, numpy as np; from sface.train.config import HeadConfig;"
        "from sface.train.heads.build import build_head;"
        "head = build_head(HeadConfig(), 5, 4, 0); x = jt.array(np.ones((2, 4), dtype=np.float32));"
        "output = head(x, jt.array(np.array([1, 2], dtype=np.int32)));"
        "print('gradient', np.abs(jt.grad(output.loss, head.weight).numpy()).max() > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ | {"use_mkl": "0"}
    )
    assert done.stdout.strip() == "gradient True", done.stderr
