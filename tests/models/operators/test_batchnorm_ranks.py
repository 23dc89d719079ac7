"""BatchNorm + PReLU over two MPI ranks: each with its part, together as one process with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import pytest
from jittor import nn

from sface.models.operators.batchnorm_prelu import batchnorm_prelu
from tests.paths import REPOSITORY

pytestmark = pytest.mark.jittor

Array = npt.NDArray[Any]
# Name → shape of the whole batch, mean of its values, images of the first rank.
CASES = {
    "images": ((8, 6, 5, 7), 0.3, 4),
    "embeddings": ((8, 16), 0.3, 4),
    "uneven": ((8, 6, 3, 3), 0.3, 3),
    "far": ((8, 6, 9, 9), 1000.0, 4),
}
# `sface.models` first: it prepares Jittor's import.
PROGRAM = "import sface.models, sys; from tests.models.operators.test_batchnorm_ranks import main; main(sys.argv[1])"
OUTPUTS = ("y", "mean", "variance", "dx", "dweight", "dbias", "dslope")


def step(fused: bool, x: Array, upstream: Array) -> dict[str, Array]:
    """OUTPUTS of a BatchNorm and a PReLU in training, of this rank's part of the batch."""
    generator = np.random.default_rng(0)
    channels = x.shape[1]
    batchnorm, prelu = nn.BatchNorm(channels, eps=1e-3), nn.PReLU(channels)
    for var, low, high in ((batchnorm.weight, 0.5, 2), (batchnorm.bias, -1, 1), (prelu.weight, -0.8, 1.2)):
        var.assign(jt.array(generator.uniform(low, high, channels).astype(np.float32)))
    value: Any = jt.array(x)
    y = batchnorm_prelu(batchnorm, prelu, value) if fused else prelu(batchnorm(value))
    gradients = jt.grad((y * jt.array(upstream)).sum(), [value, batchnorm.weight, batchnorm.bias, prelu.weight])
    values = [y, batchnorm.running_mean, batchnorm.running_var, *gradients]
    return {name: var.numpy() for name, var in zip(OUTPUTS, values, strict=True)}


def batch(case: str) -> tuple[Array, Array]:
    shape, mean, _ = CASES[case]
    generator = np.random.default_rng(sorted(CASES).index(case))
    x = generator.normal(mean, 2, shape).astype(np.float32)
    return x, generator.normal(0, 1, shape).astype(np.float32)


def main(folder: str) -> None:
    """What each rank does."""
    assert jt.in_mpi and jt.world_size == 2
    for case, (_, _, first) in CASES.items():
        part = slice(None, first) if jt.rank == 0 else slice(first, None)
        x, upstream = (array[part] for array in batch(case))
        for fused in (True, False):
            np.savez(Path(folder) / f"{case}-{fused}-{jt.rank}.npz", **step(fused, x, upstream))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what two ranks have found."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    for name in ("OMP_NUM_THREADS", "use_mpi"):  # of this process alone
        environment.pop(name, None)
    program = str(Path(sys.executable).parent / "mpirun")
    done = subprocess.run(
        [program, "--oversubscribe", "-np", "2", sys.executable, "-c", PROGRAM, folder],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=REPOSITORY,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


def together(folder: Path, case: str, fused: bool) -> dict[str, Array]:
    """The two ranks' parts as one: outputs joined, parameters' gradients added; statistics must be the same."""
    parts = [np.load(folder / f"{case}-{fused}-{rank}.npz") for rank in range(2)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ("y", "dx")}
    added = {name: parts[0][name] + parts[1][name] for name in ("dweight", "dbias", "dslope")}
    for name in ("mean", "variance"):
        assert np.array_equal(parts[0][name], parts[1][name])
    return joined | added | {name: parts[0][name] for name in ("mean", "variance")}


def close(actual: dict[str, Array], expected: dict[str, Array]) -> None:
    for name in OUTPUTS:
        bound = 1e-5 * max(1.0, float(np.abs(expected[name]).max()))
        assert np.abs(actual[name] - expected[name]).max() <= bound, name


@pytest.mark.parametrize("case", ["images", "embeddings", "uneven"])
def test_ranks_equal_one_process_with_jittors_layers(ranks: Path, case: str) -> None:
    close(together(ranks, case, fused=True), step(False, *batch(case)))


@pytest.mark.parametrize("case", ["images", "embeddings"])
def test_equals_jittors_own_synchronisation(ranks: Path, case: str) -> None:
    close(together(ranks, case, fused=True), together(ranks, case, fused=False))


def test_a_large_mean_does_not_drown_the_variance(ranks: Path) -> None:
    """Sums of squares travel between the ranks, in double precision."""
    x, _ = batch("far")
    actual = together(ranks, "far", fused=True)
    variance = x.astype(np.float64).var(axis=(0, 2, 3))
    assert actual["variance"] == pytest.approx(0.9 + 0.1 * variance, rel=1e-5)
    one = step(True, *batch("far"))
    assert np.abs(actual["y"] - one["y"]).max() <= 1e-3
