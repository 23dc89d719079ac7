"""Several processes that train as one, stop as one, and end together where one of them can't go on."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from sface.evaluate.protocols.bin_sets import open_bin
from sface.models.networks import build_network, parameters
from sface.models.weights.checkpoint import load_checkpoint
from sface.train.config import HeadConfig, TrainConfig
from sface.train.network_verification import verify_network
from sface.train.reporting.run_log import read_log, read_verifications

from .processes import Process, children, is_loader, steps
from .runs import CONFIG, FLAGS, command, mpi_environment, mpirun, mpirun_command, run

pytestmark = pytest.mark.jittor

ENDLESS = [*FLAGS, "--epochs", 10000, "--save_every", 3, "--keep", 1000, "--num_workers", 1]


@contextmanager
def two_ranks(log: Path, *arguments: object) -> Iterator[Process]:
    process = Process(log, mpirun_command(2, *arguments), mpi_environment())
    try:
        yield process
    finally:
        process.kill()  # where a test has failed; its processes end with it


def close(actual: Path, expected: Path, config: TrainConfig) -> None:
    """Assert that two checkpoints have the same weights but for rounding, which is small beside how far they moved."""
    backbone = build_network(config.network, config.seed)
    start = {name: var.numpy() for name, var in backbone.named_parameters()}
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (actual, expected))
    squares = np.zeros(2)
    for name in parameters(backbone):
        apart, moved = np.abs(ours[name] - theirs[name]), np.abs(theirs[name] - start[name])
        assert apart.max() < 0.1 * moved.max() + 1e-5, name  # a bias before a BatchNorm has no gradient but rounding
        squares += (apart**2).sum(), (moved**2).sum()
    assert squares[0] < 0.01**2 * squares[1]
    heads = [
        np.concatenate([load_file(file)["weight"] for file in sorted(folder.glob("head-*"))])
        for folder in (actual, expected)
    ]
    assert np.abs(heads[0] - heads[1]).max() < 1e-3 * np.abs(heads[1]).max()


def test_two_ranks_train_as_one_until_mpirun_passes_a_signal_on(
    tmp_path: Path, drawn_set: Path, eval_root: Path
) -> None:
    """SIGUSR1 to mpirun, which sends it to all processes. The batches are the same, gradients are averaged, statistics
    shared; one process alone goes on as if nothing had changed."""
    outdir = tmp_path / "out"
    sets = ["--eval_root", eval_root, "--target", "lfw,mine", "--eval_every", 3]
    with two_ranks(tmp_path / "log", "--data_root", drawn_set, "--outdir", outdir, *ENDLESS, *sets) as process:
        assert process.wait_until(lambda: bool(read_verifications(outdir))), process.words()
        os.kill(process.pid, signal.SIGUSR1)
        assert process.wait() == 0, process.words()
    step = steps(outdir)[-1]
    assert read_log(outdir)[-1]["step"] == step
    words = process.words()
    assert words.count(f"stopped and saved at step {step}: ") == 1
    for rank in range(2):
        line = f"rank {rank} of 2: {os.uname().nodename}, CPU, "
        assert words.count(line) == 1
        assert " threads, 4 of 8 images a step, 1 loader processes" in words.split(line)[1].splitlines()[0]

    # Each rank has verified on half of the pairs.
    backbone, _ = load_checkpoint(outdir / "step-00000003")
    sets_ = [open_bin(eval_root / f"{name}.bin") for name in ("lfw", "mine")]
    alone = verify_network(backbone, sets_, threading.Event())
    assert alone is not None
    figures = next(record for record in read_verifications(outdir) if record["step"] == 3)["verification"]
    for result in alone:
        assert figures[result.name]["accuracy"] == pytest.approx(result.accuracy)
        assert figures[result.name]["xnorm"] == pytest.approx(result.xnorm, rel=1e-4)

    config = replace(CONFIG, max_steps=step + 1)
    parts = run(config, drawn_set, outdir, resume=True)
    whole = run(config, drawn_set, tmp_path / "whole")
    close(parts.checkpoint, whole.checkpoint, config)


def test_two_ranks_go_on_from_one_and_stop_at_sigterm(tmp_path: Path, drawn_set: Path) -> None:
    """SIGTERM to the processes themselves, in the middle of an epoch of 6 steps."""
    outdir = tmp_path / "out"
    run(replace(CONFIG, max_steps=2), drawn_set, outdir)
    ending = ["--epochs", 10000, "--max_steps", 100_000, "--save_every", 3, "--keep", 1000]
    with two_ranks(tmp_path / "log", "--outdir", outdir, "--resume", *ending) as process:
        assert process.wait_until(lambda: 3 in steps(outdir)), process.words()
        for pid in children(process.pid):
            os.kill(pid, signal.SIGTERM)
        assert process.wait() == 0, process.words()
    step = steps(outdir)[-1]
    assert read_log(outdir)[-1]["step"] == step
    assert json.loads((outdir / f"step-{step:08d}" / "checkpoint.json").read_text())["processes"] == 2
    config = replace(CONFIG, max_steps=step)
    close(outdir / f"step-{step:08d}", run(config, drawn_set, tmp_path / "whole").checkpoint, config)


def test_a_rank_that_fails_ends_the_others(tmp_path: Path, drawn_set: Path) -> None:
    """Only rank 0 writes; where it can't, rank 1 must not wait for ever."""
    outdir = tmp_path / "out"
    outdir.mkdir()
    (outdir / "step-00000001").write_text("in the way")
    done = mpirun("--data_root", drawn_set, "--outdir", outdir, *FLAGS, "--max_steps", 3, "--save_every", 1)
    assert done.returncode == 6
    assert "error: rank 0: " in done.stderr
    assert "step-00000001: could not be written" in done.stderr


def kill_rank(ranks: list[int]) -> None:
    os.kill(ranks[1], signal.SIGKILL)


def crash_rank(ranks: list[int]) -> None:
    os.kill(ranks[1], signal.SIGSEGV)


def kill_loader(ranks: list[int]) -> None:
    os.kill(next(pid for pid in children(ranks[1]) if is_loader(pid)), signal.SIGKILL)


@pytest.mark.parametrize(
    ("kill", "words"),
    [
        (kill_rank, ["process rank 1 with PID", "signal 9"]),  # mpirun's own
        (crash_rank, ["process rank 1 with PID", "signal 11"]),
        (kill_loader, ["error: rank 1: loader process 1 of 1 was ended by SIGKILL"]),
    ],
)
def test_a_process_that_dies_ends_all(
    kill: Callable[[list[int]], None], words: list[str], tmp_path: Path, drawn_set: Path
) -> None:
    outdir = tmp_path / "out"
    with two_ranks(tmp_path / "log", "--data_root", drawn_set, "--outdir", outdir, *ENDLESS) as process:
        assert process.wait_until(lambda: 3 in steps(outdir)), process.words()
        kill(children(process.pid))
        assert process.wait(60) != 0
        process.wait_for_all()
    for part in words:
        assert part in process.words()


def test_a_loader_process_that_dies_ends_a_run_of_one(tmp_path: Path, drawn_set: Path) -> None:
    outdir = tmp_path / "out"
    process = Process(tmp_path / "log", command("--data_root", drawn_set, "--outdir", outdir, *ENDLESS))
    assert process.wait_until(lambda: 3 in steps(outdir)), process.words()
    os.kill(next(pid for pid in children(process.pid) if is_loader(pid)), signal.SIGKILL)
    assert process.wait(60) == 6
    assert "error: loader process 1 of 1 was ended by SIGKILL" in process.words()
    process.wait_for_all()


def test_a_shared_out_head(tmp_path: Path, drawn_set: Path) -> None:
    """Each of two ranks saves its classes; one or two go on from that, as a run whose head is not shared out."""
    outdir = tmp_path / "out"
    done = mpirun("--data_root", drawn_set, "--outdir", outdir, *FLAGS, "--shard_head", "--max_steps", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 2  # one voice
    shards = [load_file(outdir / "step-00000002" / f"head-{rank}.safetensors") for rank in range(2)]
    assert [shard["weight"].shape for shard in shards] == [(3, 32), (3, 32)]
    assert [shard["momentum"].shape for shard in shards] == [(3, 32), (3, 32)]
    shutil.copytree(outdir, tmp_path / "one")
    done = mpirun("--outdir", outdir, "--resume", "--max_steps", 4)
    assert done.returncode == 0, done.stderr
    config = replace(CONFIG, max_steps=4)
    whole = run(config, drawn_set, tmp_path / "whole").checkpoint
    close(outdir / "step-00000004", whole, config)
    one = run(replace(config, head=HeadConfig(sharded=True)), drawn_set, tmp_path / "one", resume=True)
    close(one.checkpoint, whole, config)
