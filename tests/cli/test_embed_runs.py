"""`sface embed` on many photos: interrupted, by MPI ranks, on a full disk."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sface.cli.dispatch import main

from ..child_processes import interrupt
from ..tiny_models import raw_metadata, write_model
from ..train.runs import mpi_environment
from .test_embed_command import call

posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX's")


@dataclass(frozen=True)
class Many:
    """A hundred photos with one face each and a file that is none, a network, and what comes of them."""

    photos: Path
    model: Path
    embeddings: bytes

    def call(self, folder: Path, *more: str) -> list[str]:
        return [*call(self.photos, self.model, *more), "-o", str(folder / "out.npz")]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, drawn_photos: list[Path]) -> Many:
    folder = tmp_path_factory.mktemp("many")
    (folder / "photos").mkdir()
    for number in range(100):
        shutil.copy(drawn_photos[number % 5], folder / "photos" / f"{number:03}.png")
    (folder / "photos" / "text.png").write_text("no photo")
    model = write_model(folder / "model.onnx", metadata=raw_metadata(loss="sface"))
    assert main(call(folder / "photos", model, "--quiet")) == 0
    return Many(folder / "photos", model, (folder / "out.npz").read_bytes())


@pytest.mark.slow
@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(
    number: signal.Signals, many: Many, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = interrupt(many.call(tmp_path), number, tmp_path, ".out.npz-shards/*.npz")
    if number == signal.SIGINT:
        assert code == 130
        assert err == "the same command goes on from here\nerror: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == [".out.npz-shards"]
    capsys.readouterr()
    assert main(many.call(tmp_path)) == 0
    assert capsys.readouterr().err.endswith(" of 101 photos were done before\n")
    assert (tmp_path / "out.npz").read_bytes() == many.embeddings
    assert [path.name for path in tmp_path.iterdir()] == ["out.npz"]


@pytest.mark.slow
@posix
def test_two_ranks_write_what_one_process_writes(many: Many, tmp_path: Path) -> None:
    done = mpirun(many.call(tmp_path, "--json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["faces"] == 100  # of one rank alone
    assert (tmp_path / "out.npz").read_bytes() == many.embeddings


@posix
def test_a_rank_that_fails_ends_all(many: Many, tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom sface.cli.dispatch import main\nrank = os.environ['OMPI_COMM_WORLD_RANK']\n"
        f"sys.exit(main({many.call(tmp_path)} + ['--model', 'none.onnx'] * (rank == '1')))"
    )
    done = mpirun(code)
    assert done.returncode != 0
    assert "error: rank 1: none.onnx: can't be read" in done.stderr
    assert not (tmp_path / "out.npz").exists()


def mpirun(what: list[str] | str) -> subprocess.CompletedProcess[str]:
    """A call of `sface`, or code, in two processes."""
    command = ["-c", what] if isinstance(what, str) else ["-m", "sface", *what]
    program = [str(Path(sys.executable).parent / "mpirun"), "--oversubscribe", "-np", "2", sys.executable, *command]
    return subprocess.run(program, capture_output=True, text=True, check=False, timeout=120, env=mpi_environment())


@posix
@pytest.mark.parametrize(("limit", "file"), [(1, ".out.npz-shards/"), (18, "out.npz: ")])
def test_a_full_disk(limit: int, file: str, many: Many, tmp_path: Path) -> None:
    """Files of 0.5 or 1 KiB, as shells count: a shard of 5 is larger. Of 9 or 18: the output of 21 is."""
    arguments = " ".join(many.call(tmp_path))
    command = f"ulimit -f {limit}; exec {sys.executable} -m sface {arguments}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/{file}")
    assert "could not be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [".out.npz-shards"]
