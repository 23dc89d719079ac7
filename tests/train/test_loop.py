"""Training runs: what they leave, how they go on, what each option does."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from safetensors.numpy import load_file

from sface.cli.dispatch import main
from sface.errors import CheckpointError, DataError, DivergedError, StorageError, UsageError
from sface.models.network_config import NetworkConfig
from sface.models.networks import build_network
from sface.train import TrainResult, step
from sface.train.checkpoints import find_run
from sface.train.config import TrainConfig
from sface.train.reporting.run_log import read_log
from sface.train.save_and_restore import TrainState
from tests.test_files import largest_file

from .runs import CONFIG, FILES, QUIET, command, run

pytestmark = pytest.mark.jittor


def weights(checkpoint: Path) -> dict[str, np.ndarray]:
    return dict(load_file(checkpoint / "model.safetensors"))


def test_what_a_run_leaves(run_folder: Path) -> None:
    assert sorted(path.name for path in run_folder.iterdir()) == [
        *("config.json", "curves.png", "log.jsonl", "step-00000006", "step-00000012", "tensorboard")
    ]
    last = run_folder / "step-00000012"
    assert sorted(path.name for path in last.iterdir()) == sorted([*FILES, "checkpoint.json"])
    description = json.loads((last / "checkpoint.json").read_text())
    assert description["step"] == 12
    assert description["network"] == {
        "name": "MobileFaceNet",
        "embedding_size": 64,
        "input_size": 112,
        "input_scale": 0.078125,
    }
    assert description["data"] == {"name": "six_people", "people": 6, "images": 48}
    # The backbone alone: no head, no momentum.
    assert set(weights(last)) == {name for name, _ in build_network(NetworkConfig("MobileFaceNet")).named_parameters()}


def test_it_learns(tmp_path: Path, drawn_set: Path) -> None:
    config = replace(CONFIG, batch_size=24, max_steps=60, lr=0.1, seed=3)
    run(config, drawn_set, tmp_path / "out")
    first, *_, last = read_log(tmp_path / "out")
    assert last["cos_genuine"] - last["cos_impostor"] > first["cos_genuine"] - first["cos_impostor"] + 0.15
    assert last["top1"] > 0.6


def test_a_resumed_run_has_the_same_bits(tmp_path: Path, drawn_set: Path) -> None:
    """6 batches are an epoch: the stop at 9 is in the middle of the second."""
    whole = run(replace(CONFIG, max_steps=14), drawn_set, tmp_path / "whole")
    run(replace(CONFIG, max_steps=9), drawn_set, tmp_path / "parts")
    parts = run(replace(CONFIG, max_steps=14), drawn_set, tmp_path / "parts", resume=True)
    assert parts.step == whole.step == 14
    for name in FILES:
        assert (parts.checkpoint / name).read_bytes() == (whole.checkpoint / name).read_bytes(), name
    assert [record["step"] for record in read_log(tmp_path / "parts")] == [9, 14]


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_finished_run_is_left_alone(tmp_path: Path, drawn_set: Path) -> None:
    outdir = tmp_path / "out"
    first = run(CONFIG, drawn_set, outdir)
    before = contents(outdir)
    (outdir / ".curves.png.ab_c").mkdir()  # what a kill leaves while the last curves are drawn
    again = run(CONFIG, drawn_set, outdir, resume=True)
    assert again == TrainResult(first.checkpoint, 2, finished=True, last=None, unreadable=0)
    assert contents(outdir) == before


def test_a_folder_with_a_run_is_not_trained_into(drawn_set: Path, run_folder: Path) -> None:
    with pytest.raises(UsageError, match="already holds a run; go on with resume"):
        run(CONFIG, drawn_set, run_folder)


def test_there_must_be_something_to_resume(tmp_path: Path, drawn_set: Path) -> None:
    outdir = tmp_path / "out"
    assert main(["train", "--data_root", str(drawn_set), "--outdir", str(outdir), "--resume"]) == 2
    assert not outdir.exists()
    with pytest.raises(UsageError, match="holds no checkpoint to go on from"):
        find_run(outdir, True, QUIET)


def test_epochs_end_a_run_and_stages_lower_the_rate(tmp_path: Path, drawn_set: Path) -> None:
    config = replace(CONFIG, batch_size=24, max_steps=None, epochs=3, stages=(1, 2), save_every=2)
    result = run(config, drawn_set, tmp_path / "out")
    assert result.step == 6
    assert result.last is not None
    assert result.last.lr == pytest.approx(0.02 / 100)
    assert sorted(path.name for path in (tmp_path / "out").glob("step-*")) == [
        "step-00000002",
        "step-00000004",
        "step-00000006",
    ]


def test_a_set_of_another_size(tmp_path: Path, drawn_set: Path) -> None:
    config = replace(CONFIG, network=NetworkConfig("MobileFaceNet", input_size=224))
    with pytest.raises(DataError, match="crops of 112 pixels for a network of 224"):
        run(config, drawn_set, tmp_path / "out")


def test_resuming_with_another_set(tmp_path: Path, drawn_set: Path) -> None:
    run(CONFIG, drawn_set, tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    for file in drawn_set.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "imgs.txt").write_text("".join((drawn_set / "imgs.txt").read_text().splitlines(keepends=True)[:40]))
    with pytest.raises(CheckpointError, match="give the same set as data_root"):
        run(replace(CONFIG, max_steps=3), other, tmp_path / "out", resume=True)


def test_a_full_disk_under_a_checkpoint(tmp_path: Path, drawn_set: Path) -> None:
    with largest_file(1_000_000), pytest.raises(StorageError, match="step-00000002: could not be written"):
        run(CONFIG, drawn_set, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*step-*"))


def test_the_rest_of_a_log_is_done_again(tmp_path: Path, drawn_set: Path) -> None:
    """After a crash the log may know more steps than the last checkpoint, and end in half a line."""
    run(CONFIG, drawn_set, tmp_path / "out")
    with (tmp_path / "out" / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 3}) + '\n{"step": 4, "lo')
    run(replace(CONFIG, max_steps=3), drawn_set, tmp_path / "out", resume=True)
    assert [record["step"] for record in read_log(tmp_path / "out")] == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--workers_id", "0,1"], 2, "start one for each GPU: mpirun -np 2"),
        (["--workers_id", "gpu"], 2, "must be cpu, or numbers of GPUs"),
        (["--net", "ResNet"], 2, "there is no such network"),
        (["--batch_size", "0"], 2, "must be at least 1"),
        (["--batch_size", "1000"], 2, "can't fill a batch of 1000"),
        (["--stages", "5,3"], 2, "epochs must rise"),
        (["--data_root", "/nowhere"], 6, "no such folder"),
    ],
)
def test_bad_calls(arguments: list[str], code: int, words: str, tmp_path: Path, drawn_set: Path) -> None:
    start = ["--data_root", str(drawn_set), "--outdir", str(tmp_path / "out"), "--batch_size", "8", "--max_steps", "1"]
    done = subprocess.run(command(*start, *arguments), capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors)) == (code, 1), done.stderr
    assert words in errors[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error(tmp_path: Path, drawn_set: Path) -> None:
    arguments = ["--data_root", drawn_set, "--outdir", tmp_path / "out", "--workers_id", 0]
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the NVIDIA driver shows 0 GPUs here" in done.stderr


def test_damaged_images_are_replaced_counted_and_reported(
    tmp_path: Path, drawn_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn_set, data)
    lines = (data / "imgs.txt").read_text()
    (data / "imgs.txt").write_text(lines * 3)  # 144 images, of which 1 is not more than 1 %
    broken = data / "broken.png"
    broken.write_bytes((data / "0-0.png").read_bytes()[:500])
    (data / "imgs.txt").write_text(lines * 3 + "broken.png\t0\n")
    outdir = tmp_path / "out"
    arguments = ["--data_root", data, "--outdir", outdir, "--embedding_size", 32, "--batch_size", 29, "--epochs", 1]
    assert main(["train", *map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["unreadable"] == 1
    assert "1 images could not be read and were replaced by others; the first: " in captured.err
    assert str(broken) in captured.err


def test_a_loss_that_is_no_number_is_not_saved(
    tmp_path: Path, drawn_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(config: TrainConfig, classes: int) -> TrainState:
        state = original(config, classes)
        state.head.weight.assign(jt.array(np.full(state.head.weight.shape, np.nan, dtype=np.float32)))
        return state

    original = step.build_state
    monkeypatch.setattr(step, "build_state", build)
    with pytest.raises(DivergedError, match=r"the loss is not a number at step 2; .* with a lower lr"):
        run(CONFIG, drawn_set, tmp_path / "out")
    assert not list((tmp_path / "out").glob("step-*"))


def test_a_run_that_ended_before_its_first_checkpoint_is_begun_anew(tmp_path: Path, drawn_set: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log.jsonl").write_text(json.dumps({"step": 20}) + "\n")
    run(CONFIG, drawn_set, tmp_path / "out")
    assert [record["step"] for record in read_log(tmp_path / "out")] == [2]


def test_a_finished_run_through_the_command(
    run_folder: Path, drawn_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data_root", str(drawn_set), "--outdir", str(run_folder), "--resume"]) == 0
    assert capsys.readouterr().out == f"{run_folder}: was finished already, at step 12\n"


def test_real_records(shared: Path, tmp_path: Path) -> None:
    """As the data zoo has them, with one record in the middle damaged."""
    source = shared / "faces_celeba293_112x112"
    data = tmp_path / "faces"
    data.mkdir()
    for name in ("train.idx", "property"):
        shutil.copy(source / name, data / name)
    records = bytearray((source / "train.rec").read_bytes())
    offset = int((source / "train.idx").read_text().splitlines()[3000].split()[1])
    records[offset : offset + 8] = b"damaged!"
    (data / "train.rec").write_bytes(records)
    result = run(replace(CONFIG, max_steps=1), data, tmp_path / "out")
    assert result.unreadable == 1
    description = json.loads((result.checkpoint / "checkpoint.json").read_text())
    assert description["data"] == {"name": "faces", "people": 293, "images": 6197}
