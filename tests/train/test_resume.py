"""Runs that are killed, stopped or damaged, and go on to the same bits as a run that nothing happened to."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sface.cli.dispatch import main
from sface.runtime.jittor_setup import threads
from sface.train.reporting.run_log import read_log, read_verifications

from .processes import PATIENCE, Process, children, is_loader, same_bits, steps
from .runs import CONFIG, FLAGS, command, run

pytestmark = pytest.mark.jittor


def newest(outdir: Path) -> Path:
    return max(outdir.glob("step-*"))


@pytest.mark.parametrize(("kills", "last"), [(5, 24), pytest.param(50, 250, marks=pytest.mark.hours)])
def test_kills_at_random_moments(kills: int, last: int, tmp_path: Path, drawn_set: Path) -> None:
    """While it starts, while it compiles, while it trains and saves. The size is one of which Jittor has to compile
    some operators anew."""
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    flags = ["--data_root", drawn_set, "--net", "MobileFaceNet", "--embedding_size", draw.randrange(33, 2000)]
    flags += ["--batch_size", 8, "--lr", 0.02, "--max_steps", last, "--save_every", 1, "--num_workers", 1]
    outdir = tmp_path / "out"

    for number in range(kills):
        resume = ["--resume"] if steps(outdir) else []
        process = Process(tmp_path / f"{number}.log", command(*flags, "--outdir", outdir, *resume))
        before = steps(outdir)
        moment = number % 3
        if moment == 0:
            time.sleep(draw.uniform(0, 3))
        elif moment == 1:
            process.wait_until(lambda: "rank 0 of 1" in process.words())  # noqa: B023 - called here and now
            time.sleep(draw.uniform(0, 3))
        else:
            process.wait_until(lambda: steps(outdir) != before)  # noqa: B023
            time.sleep(draw.uniform(0, 1))
        if number % 2:
            process.kill()  # the loader's process has to find out by itself
        else:
            process.kill_group()
        assert process.wait() in (-signal.SIGKILL, 0), process.words()  # 0: a fast machine
        process.wait_for_all()

    resume = ["--resume"] if steps(outdir) else []
    done = subprocess.run(
        command(*flags, "--outdir", outdir, *resume), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, (seed, done.stderr)
    assert steps(outdir)[-1] == last
    assert not list(outdir.glob(".*")), seed
    whole = subprocess.run(
        command(*flags, "--outdir", tmp_path / "whole"), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert whole.returncode == 0, whole.stderr
    assert same_bits(newest(outdir), newest(tmp_path / "whole")), seed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_and_ends(number: signal.Signals, tmp_path: Path, drawn_set: Path) -> None:
    outdir = tmp_path / "out"
    flags = ["--data_root", drawn_set, "--outdir", outdir, *FLAGS, "--num_workers", 1]
    process = Process(tmp_path / "log", command(*flags, "--epochs", 10000, "--save_every", 3, "--keep", 1000))
    assert process.wait_until(lambda: 3 in steps(outdir)), process.words()
    os.killpg(process.pid, number)  # as Ctrl-C and batch systems do: the loader's process has it too
    assert process.wait() == 0, process.words()
    step = steps(outdir)[-1]
    assert f"stopped and saved at step {step}: " in process.words()
    assert read_log(outdir)[-1]["step"] == step  # no step after it was done
    process.wait_for_all()

    config = replace(CONFIG, max_steps=step + 2)
    parts = run(config, drawn_set, outdir, resume=True)
    whole = run(config, drawn_set, tmp_path / "whole")
    assert same_bits(parts.checkpoint, whole.checkpoint)


def test_a_signal_while_it_verifies(tmp_path: Path, drawn_set: Path) -> None:
    """It doesn't wait for the set's end, which takes far longer than this test waits."""
    images = [(drawn_set / "0-0.png").read_bytes()] * 8000
    (tmp_path / "large.bin").write_bytes(pickle.dumps((images, [True, False] * 2000), 2))
    outdir = tmp_path / "out"
    sets = ["--eval_root", tmp_path, "--target", "large", "--eval_every", 3]
    process = Process(
        tmp_path / "log", command("--data_root", drawn_set, "--outdir", outdir, *FLAGS, *sets, "--save_every", 3)
    )
    assert process.wait_until(lambda: steps(outdir) == [3]), process.words()
    time.sleep(1)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == 0, process.words()
    assert steps(outdir) == [3]
    assert read_verifications(outdir) == []
    assert "stopped and saved at step 3: " in process.words()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts(number: signal.Signals, tmp_path: Path, drawn_set: Path) -> None:
    outdir = tmp_path / "out"
    process = Process(
        tmp_path / "log", command("--data_root", drawn_set, "--outdir", outdir, *FLAGS, "--num_workers", 1)
    )
    assert process.wait_until(lambda: any(is_loader(pid) for pid in children(process.pid))), process.words()
    os.killpg(process.pid, number)
    assert process.wait() in (-number, 128 + number), process.words()
    assert not outdir.exists()
    process.wait_for_all()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path) -> Path:
    """The folder of a run with checkpoints of its steps 2, 4 and 6. Copy it."""
    outdir = tmp_path_factory.mktemp("three") / "out"
    run(replace(CONFIG, max_steps=6, save_every=2), drawn_set, outdir)
    return outdir


def truncate(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 100_000)


def flip(folder: Path) -> None:
    data = bytearray((folder / "momentum.safetensors").read_bytes())
    data[-1000] ^= 1
    (folder / "momentum.safetensors").write_bytes(data)


def remove(folder: Path) -> None:
    (folder / "head-0.safetensors").unlink()


def empty_description(folder: Path) -> None:
    (folder / "checkpoint.json").write_text("")


def other_step(folder: Path) -> None:
    text = (folder / "checkpoint.json").read_text()
    (folder / "checkpoint.json").write_text(text.replace('"step": 6', '"step": 7'))


def remove_description(folder: Path) -> None:
    (folder / "checkpoint.json").unlink()


DAMAGES = [truncate, flip, remove, empty_description, other_step, remove_description]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint(
    damage: Callable[[Path], None], tmp_path: Path, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one before is used, and the steps are done again to the same bits."""
    outdir = tmp_path / "out"
    shutil.copytree(three, outdir)
    damage(outdir / "step-00000006")
    (outdir / ".step-00000006.x7").mkdir()  # what a crash while saving leaves
    (outdir / ".step-00000006.x7" / "model.safetensors").write_bytes(b"half")
    (outdir / ".curves.png.ab_c").mkdir()
    (outdir / ".curves.png.ab_c" / "curves.png").write_bytes(b"half")
    (outdir / ".gitignore").touch()  # somebody's own
    assert main(["train", "--outdir", str(outdir), "--resume"]) == 0
    errors = capsys.readouterr().err
    assert f"WARNING: {outdir / 'step-00000006'} is damaged, the checkpoint before it is tried: " in errors
    assert "threads each" not in errors
    names = ["damaged-step-00000006", "step-00000002", "step-00000004", "step-00000006"]
    assert sorted(path.name for path in outdir.rglob("*step-*")) == names
    assert [path.name for path in outdir.glob(".*")] == [".gitignore"]
    assert same_bits(outdir / "step-00000006", three / "step-00000006")
    assert [record["step"] for record in read_log(outdir)] == [2, 4, 6]

    damage(outdir / "step-00000006")  # a second time, and the one before too
    remove(outdir / "step-00000004")
    assert main(["train", "--outdir", str(outdir), "--resume"]) == 0
    assert capsys.readouterr().err.count("WARNING: ") == 2
    assert sorted(path.name for path in outdir.rglob("*step-*")) == ["damaged-step-00000004", *names]
    assert same_bits(outdir / "step-00000006", three / "step-00000006")


def test_nothing_but_damaged_checkpoints(tmp_path: Path, three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outdir = tmp_path / "out"
    shutil.copytree(three, outdir)
    truncate(outdir / "step-00000002")
    flip(outdir / "step-00000004")
    remove_description(outdir / "step-00000006")
    before = sorted(outdir.rglob("*"))
    assert main(["train", "--outdir", str(outdir), "--resume"]) == 5
    errors = capsys.readouterr().err
    assert errors.count("WARNING: ") == 3
    assert f"error: {outdir}: none of its 3 checkpoints is whole; start anew in another --outdir" in errors
    assert sorted(outdir.rglob("*")) == before
    # Without --resume they are not written over.
    assert main(["train", "--outdir", str(outdir)]) == 2
    assert "already holds a run" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["typo", "empty", "step-00000006"])
def test_a_wrong_path(place: str, tmp_path: Path, three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outdir = tmp_path / "out"
    shutil.copytree(three, outdir)
    (outdir / "empty").mkdir()
    before = sorted(outdir.rglob("*"))
    assert main(["train", "--outdir", str(outdir / place), "--resume"]) == 2
    assert f"{outdir / place}: holds no checkpoint to go on from; start without --resume" in capsys.readouterr().err
    assert sorted(outdir.rglob("*")) == before


def test_another_number_of_threads_is_said(tmp_path: Path, three: Path) -> None:
    outdir = tmp_path / "out"
    shutil.copytree(three, outdir)
    other = threads() + 1
    done = subprocess.run(
        command("--outdir", outdir, "--resume", "--max_steps", 7),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": str(other)},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    words = f"was saved by processes with {threads()} threads each and goes on with {other}; weights will differ"
    assert words in done.stderr
    assert json.loads((outdir / "step-00000007" / "checkpoint.json").read_text())["threads"] == other
