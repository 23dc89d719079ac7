"""Verification during training: when, on what, with which figures; the best checkpoint; stops in between."""

import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jittor as jt
import pytest

from sface.cli.dispatch import main
from sface.errors import DataError
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.ten_fold_verification import VerificationResult, pair_distances, verify
from sface.models.weights.checkpoint import load_checkpoint, open_checkpoint
from sface.output import Output
from sface.train import loop
from sface.train import network_verification as verification
from sface.train.loop import TrainResult
from sface.train.network_verification import open_sets
from sface.train.reporting.run_log import read_records, read_verifications

from .runs import CONFIG, FILES, FLAGS, QUIET, run, same_weights

pytestmark = pytest.mark.jittor

EVERY_STEP = replace(CONFIG, eval_every=1)


def steps_of(outdir: Path) -> list[int]:
    """The steps of a run's checkpoints."""
    return sorted(int(path.name.removeprefix("step-")) for path in outdir.glob("step-*"))


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path, eval_root: Path) -> TrainResult:
    """Two steps of CONFIG, and after each of them a verification on the default sets that are there."""
    outdir = tmp_path_factory.mktemp("verified") / "out"
    return run(EVERY_STEP, drawn_set, outdir, eval_root=str(eval_root))


def test_the_log_has_the_networks_figures(verified: TrainResult, eval_root: Path) -> None:
    outdir = verified.checkpoint.parent
    assert [(record["step"], "loss" in record) for record in read_records(outdir)] == [
        *((1, True), (1, False), (2, True), (2, False))
    ]
    records = {record["step"]: record for record in read_verifications(outdir)}
    backbone, _ = load_checkpoint(verified.checkpoint)
    with jt.no_grad():
        expected = verify(
            lambda images: backbone(jt.array(images).permute(0, 3, 1, 2).float32()).numpy(),
            open_bin(eval_root / "lfw.bin"),
        )
    figures = records[2]["verification"]
    assert list(figures) == ["lfw"]
    assert figures["lfw"]["accuracy"] == records[2]["mean_accuracy"] == expected.accuracy
    assert figures["lfw"]["std"] == expected.std
    assert figures["lfw"]["threshold"] == pytest.approx(expected.threshold)
    assert figures["lfw"]["xnorm"] == pytest.approx(expected.xnorm, rel=1e-4)
    assert 0 < expected.accuracy < 1
    assert records[1]["verification"]["lfw"]["xnorm"] != figures["lfw"]["xnorm"]


def test_the_best_is_the_first_of_the_highest_accuracy(verified: TrainResult) -> None:
    outdir = verified.checkpoint.parent
    records = read_verifications(outdir)
    best = max(records, key=lambda record: record["mean_accuracy"])
    fields = json.loads((outdir / "best.json").read_text())
    assert fields["step"] == best["step"]
    assert fields["mean_accuracy"] == best["mean_accuracy"] == fields["verification"]["lfw"]["accuracy"]
    assert open_checkpoint(outdir).description["step"] == best["step"]


def test_verifying_changes_nothing(verified: TrainResult, plain: Path) -> None:
    """Neither BatchNorm's statistics nor anything of the step after it."""
    for name in FILES:
        assert (verified.checkpoint / name).read_bytes() == (plain / name).read_bytes(), name


def test_it_is_done_every_so_many_steps_and_not_at_the_end(tmp_path: Path, drawn_set: Path, eval_root: Path) -> None:
    """Through the command: with --eval_root, on two sets that are named, of which one is no default."""
    outdir = tmp_path / "out"
    flags = ["--data_root", drawn_set, "--outdir", outdir, "--num_workers", 0, "--max_steps", 3]
    sets = ["--eval_root", eval_root, "--target", "mine,lfw", "--eval_every", 2]
    assert main(["train", *map(str, [*FLAGS, *flags, *sets])]) == 0
    (record,) = read_verifications(outdir)
    assert record["step"] == 2
    accuracies = {name: figures["accuracy"] for name, figures in record["verification"].items()}
    assert list(accuracies) == ["mine", "lfw"]
    assert record["mean_accuracy"] == pytest.approx((accuracies["mine"] + accuracies["lfw"]) / 2)
    assert steps_of(outdir) == [2, 3]


def test_without_a_set_there_is_no_best(plain: Path) -> None:
    assert not (plain.parent / "best.json").exists()
    assert read_verifications(plain.parent) == []
    assert open_checkpoint(plain.parent).folder == plain


@pytest.fixture
def accuracies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sequence[float]]]:
    """What the next verifications shall find: for each the accuracies on one or more sets."""
    given: list[Sequence[float]] = []

    def verify_network(_backbone: Any, sets: Sequence[BinSet], _stopped: threading.Event) -> list[VerificationResult]:
        return [
            VerificationResult(opened.name, accuracy, std=0.0, threshold=1.0, xnorm=1.0, pairs=len(opened))
            for opened, accuracy in zip(sets, given.pop(0), strict=True)
        ]

    monkeypatch.setattr(loop, "verify_network", verify_network)
    yield given
    assert given == []


def test_the_best_is_kept_and_stands_for_the_run(
    tmp_path: Path, drawn_set: Path, eval_root: Path, accuracies: list[Sequence[float]]
) -> None:
    """By the mean over the sets, which neither set alone would choose; an equal one later is no better."""
    accuracies += [(0.5, 0.5), (0.7, 0.9), (0.9, 0.6), (0.6, 0.95), (0.8, 0.8), (0.1, 0.1)]
    outdir = tmp_path / "out"
    config = replace(EVERY_STEP, max_steps=6, keep=1, save_every=1)
    run(config, drawn_set, outdir, eval_root=str(eval_root), target=("lfw", "mine"))
    assert [record["best"] for record in read_verifications(outdir)] == [True, True, False, False, False, False]
    assert json.loads((outdir / "best.json").read_text())["mean_accuracy"] == pytest.approx(0.8)
    assert steps_of(outdir) == [2, 6]
    assert open_checkpoint(outdir).description["step"] == 2

    accuracies += [(0.7, 0.8), (0.9, 0.8)]
    run(replace(config, max_steps=8), drawn_set, outdir, resume=True, eval_root=str(eval_root), target=("lfw", "mine"))
    assert open_checkpoint(outdir).description["step"] == 8
    assert steps_of(outdir) == [8]


def test_the_best_is_saved_where_no_checkpoint_was_due(
    tmp_path: Path, drawn_set: Path, eval_root: Path, accuracies: list[Sequence[float]]
) -> None:
    accuracies += [(0.6,), (0.5,)]
    run(replace(EVERY_STEP, max_steps=5, eval_every=2), drawn_set, tmp_path / "out", eval_root=str(eval_root))
    assert steps_of(tmp_path / "out") == [2, 5]
    assert open_checkpoint(tmp_path / "out").description["step"] == 2


def test_the_last_are_kept(tmp_path: Path, drawn_set: Path) -> None:
    config = replace(CONFIG, max_steps=5, save_every=1)
    run(replace(config, keep=2), drawn_set, tmp_path / "two")
    assert steps_of(tmp_path / "two") == [4, 5]
    run(config, drawn_set, tmp_path / "default")
    assert steps_of(tmp_path / "default") == [3, 4, 5]
    assert not list(tmp_path.glob("*/.step-*"))


@pytest.fixture
def stop_in_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM comes when the first verification of this test has begun."""

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(verification, "pair_distances", pair_distances)
        os.kill(os.getpid(), signal.SIGTERM)
        return pair_distances(*arguments)

    monkeypatch.setattr(verification, "pair_distances", interrupted)


@pytest.mark.usefixtures("stop_in_verification")
@pytest.mark.parametrize("max_steps", [1, 2])
def test_a_verification_that_a_signal_broke_off_is_made_up_for(
    max_steps: int, tmp_path: Path, drawn_set: Path, eval_root: Path, verified: TrainResult
) -> None:
    """In mid-run, and after the last step."""
    config, outdir = replace(EVERY_STEP, max_steps=max_steps), tmp_path / "out"
    stopped = run(config, drawn_set, outdir, eval_root=str(eval_root))
    assert (stopped.step, stopped.finished) == (1, False)
    assert (steps_of(outdir), read_verifications(outdir)) == ([1], [])

    done = run(config, drawn_set, outdir, resume=True, eval_root=str(eval_root))
    assert (done.step, done.finished) == (max_steps, True)
    assert read_verifications(outdir) == read_verifications(verified.checkpoint.parent)[:max_steps]
    if max_steps == 2:
        assert same_weights(done.checkpoint, verified.checkpoint)
    again = run(config, drawn_set, outdir, resume=True, eval_root=str(eval_root))
    assert again == TrainResult(done.checkpoint, max_steps, finished=True, last=None, unreadable=0)


def test_a_run_that_was_killed_before_a_verification(
    tmp_path: Path, drawn_set: Path, eval_root: Path, verified: TrainResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint of the step is there."""

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    outdir = tmp_path / "out"
    config = replace(EVERY_STEP, save_every=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "verify_network", killed)
        run(config, drawn_set, outdir, eval_root=str(eval_root))
    assert steps_of(outdir) == [1]
    done = run(config, drawn_set, outdir, resume=True, eval_root=str(eval_root))
    assert read_verifications(outdir) == read_verifications(verified.checkpoint.parent)
    assert same_weights(done.checkpoint, verified.checkpoint)


def test_the_default_sets_that_are_not_there_are_named(eval_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (opened,) = open_sets(eval_root, None, 112, Output())
    assert opened.path == eval_root / "lfw.bin"
    assert capsys.readouterr().err.splitlines() == [
        f"{eval_root}/{name}.bin: not there; the run is not verified on {name}"
        for name in ("calfw", "cplfw", "cfp_fp", "agedb_30")
    ]


def test_sets_are_sought_beside_the_training_set(
    tmp_path: Path, drawn_set: Path, eval_root: Path, accuracies: list[Sequence[float]]
) -> None:
    data = tmp_path / "faces"
    data.mkdir()
    for file in [*drawn_set.iterdir(), eval_root / "lfw.bin"]:
        (data / file.name).write_bytes(file.read_bytes())
    accuracies += [(0.6,)]
    run(replace(EVERY_STEP, max_steps=1), data, tmp_path / "out")
    assert list(read_verifications(tmp_path / "out")[0]["verification"]) == ["lfw"]


def test_sets_that_can_not_be_used(tmp_path: Path, eval_root: Path) -> None:
    with pytest.raises(DataError, match=r"calfw\.bin: can't be read"):
        open_sets(eval_root, ("lfw", "calfw"), 112, QUIET)
    with pytest.raises(DataError, match=r"lfw\.bin: crops of 112 pixels for a network of 224; leave it out of"):
        open_sets(eval_root, None, 224, QUIET)
    (tmp_path / "lfw.bin").write_bytes(b"none")
    with pytest.raises(DataError, match=r"lfw\.bin: not a verification set, or a damaged one"):
        open_sets(tmp_path, None, 112, QUIET)
