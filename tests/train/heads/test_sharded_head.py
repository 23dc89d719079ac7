"""The head shared out over one, two and four MPI ranks: together as the one that is not, with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from sface.errors import UsageError
from sface.train.config import HeadConfig
from sface.train.heads import sharded_head
from sface.train.heads.build import build_head
from sface.train.heads.head_output import init_head_weight
from sface.train.heads.sharded_head import _init_rows
from sface.train.optimizer import SGD
from tests.paths import REPOSITORY
from tests.train.heads.head_reference import Array, draw

pytestmark = pytest.mark.jittor

BATCH, CLASSES, SIZE, SEED = 8, 603, 16, 3
# At the ends of shards, too, and two of one class. The embedding of the last one is the weight of its class.
LABELS = np.array([0, 150, 151, 301, 302, 602, 42, 42], dtype=np.int32)
FIGURES = ("loss", "intra", "inter", "cos_genuine", "cos_impostor", "top1")
# `sface.models` first: it prepares Jittor's import.
PROGRAM = "import sface.models, sys; from tests.train.heads.test_sharded_head import main; main(sys.argv[1])"


class Backbone(nn.Module):
    """One matrix."""

    def __init__(self) -> None:
        self.weight = jt.array(np.random.default_rng(1).normal(0, 1, (SIZE, SIZE)).astype(np.float32))

    def execute(self, x: Any) -> Any:
        return nn.matmul(x, self.weight)


def run(sharded: bool, part: slice) -> dict[str, Array]:
    """What a head gives for a part of the batch, in training and in evaluation, and what three steps leave."""
    head = build_head(HeadConfig(a=1.2, b=1.5, sharded=sharded), CLASSES, SIZE, SEED)
    result = {"first": head.weight.numpy()}
    inputs, _ = draw(0, BATCH, CLASSES, SIZE)
    inputs[-1] = init_head_weight(SEED, CLASSES, SIZE)[LABELS[-1]]
    x: Any = jt.array(inputs[part])
    labels = jt.array(LABELS[part])
    output = head(x, labels)
    d_x, d_weight = jt.grad(output.loss, [x, head.weight])
    result |= {name: getattr(output, name).numpy() for name in FIGURES} | {"dx": d_x.numpy(), "dw": d_weight.numpy()}
    head.eval()
    evaluated = head(x, labels)
    result |= {f"eval {name}": getattr(evaluated, name).numpy() for name in FIGURES}
    head.train()

    backbone = Backbone()
    optimizer = SGD(backbone, head, momentum=0.9, weight_decay=5e-4)
    half = len(labels) // 2
    for _ in range(3):
        for some in (slice(None, half), slice(half, None)):
            optimizer.backward(head(backbone(x[some]), labels[some]).loss / 2)
            jt.sync_all()
        optimizer.step(0.1, clip_norm=1.0)
        jt.sync_all()
    return result | {"backbone": backbone.weight.numpy(), "last": head.weight.numpy()}


def main(folder: str) -> None:
    """What each rank does."""
    share = BATCH // jt.world_size
    part = slice(jt.rank * share, (jt.rank + 1) * share)
    np.savez(Path(folder) / f"{jt.rank}.npz", **run(True, part))


@pytest.fixture(scope="module")
def whole() -> dict[str, Array]:
    return run(False, slice(None))


@pytest.fixture(scope="module", params=[1, 2, 4])
def shards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of the ranks has found."""
    folder, ranks = tmp_path_factory.mktemp("shards"), request.param
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    for name in ("OMP_NUM_THREADS", "use_mpi"):  # of this process alone
        environment.pop(name, None)
    program = str(Path(sys.executable).parent / "mpirun")
    done = subprocess.run(
        [program, "--oversubscribe", "-np", str(ranks), sys.executable, "-c", PROGRAM, folder],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=REPOSITORY,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [np.load(folder / f"{number}.npz") for number in range(ranks)]


def close(actual: Array, expected: Array) -> None:
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_ranks_hold_the_classes_between_them(shards: list[Any]) -> None:
    rows = [len(shard["first"]) for shard in shards]
    assert max(rows) - min(rows) <= 1
    assert np.array_equal(np.concatenate([shard["first"] for shard in shards]), init_head_weight(SEED, CLASSES, SIZE))


@pytest.mark.parametrize("mode", ["", "eval "])
@pytest.mark.parametrize("name", FIGURES)
def test_each_rank_has_the_figures_of_the_whole_batch(
    shards: list[Any], whole: dict[str, Array], name: str, mode: str
) -> None:
    scale = abs(whole["intra"]) + abs(whole["inter"]) if name in ("loss", "intra", "inter") else 1
    for shard in shards:
        assert abs(shard[mode + name] - whole[name]) <= 1e-5 * scale
        assert shard[mode + name] == shards[0][mode + name]
    assert 0 < whole["top1"] < 1


def test_the_gradients_are_those_of_one_process(shards: list[Any], whole: dict[str, Array]) -> None:
    """The optimiser divides those of the network by the number of ranks, not those of the head."""
    close(np.concatenate([shard["dx"] for shard in shards]) / len(shards), whole["dx"])
    close(np.concatenate([shard["dw"] for shard in shards]), whole["dw"])


def test_steps_lead_to_the_same_weights(shards: list[Any], whole: dict[str, Array]) -> None:
    """Two parts a step, clipped: the length of the gradient is of all shards together."""
    for shard in shards:
        close(shard["backbone"], whole["backbone"])
    close(np.concatenate([shard["last"] for shard in shards]), whole["last"])
    assert np.abs(whole["last"] - whole["first"]).max() > 1e-2 * np.abs(whole["first"]).max()


@pytest.mark.parametrize("part", [(0, 1), (5000, 9001), (4096, 8192), (8999, 9001), (0, 9001)])
def test_rows_of_the_weight_are_those_of_the_whole(part: tuple[int, int]) -> None:
    """9,001 rows are drawn in more than one go."""
    expected = init_head_weight(1, 9001, 3)
    assert np.array_equal(_init_rows(1, 9001, 3, *part), expected[slice(*part)])


def test_fewer_classes_than_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharded_head, "world_size", lambda: 4)
    with pytest.raises(UsageError, match=r"^sharded: 3 classes"):
        build_head(HeadConfig(sharded=True), 3, 4, seed=0)
