"""What a run says and leaves: on a terminal, elsewhere, in the log, for TensorBoard, as a picture."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sface.errors import StorageError
from sface.evaluate.ten_fold_verification import VerificationResult
from sface.output import Output
from sface.train.reporting import curves, tensorboard
from sface.train.reporting.run_log import read_log, read_records, read_verifications
from sface.train.reporting.run_progress import Measurement, Progress, duration_text
from tests.test_files import largest_file
from tests.train.reporting.test_tensorboard import points

AT_20 = Measurement(
    step=20,
    epoch=1,
    lr=0.0125,
    loss=-12.25,
    intra=-13.5,
    inter=1.25,
    cos_genuine=0.625,
    cos_impostor=0.125,
    top1=0.75,
    images_per_second=512.0,
    data_wait=0.03125,
    seconds_left=4801.0,
)
LFW = VerificationResult("lfw", 0.8125, 0.0125, 1.375, 20.0, 6000)
AGEDB = VerificationResult("agedb_30", 0.6875, 0.025, 1.5, 21.0, 6000)


def at(step: int) -> Measurement:
    return replace(AT_20, step=step)


def test_a_measurement_as_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(tmp_path, 0, 100, Output())
    shown.step()
    shown.measured(AT_20)
    shown.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "step 20/100  epoch 1  loss -12.25 (-13.50 +1.25)  cos θ_y 0.625  cos θ_j 0.125  top-1 75%  "
        "lr 0.0125  512 images/s  waiting 3%  1 h 20 min left\n"
    )


@pytest.mark.parametrize("changed", ["lr", "images_per_second", "data_wait", "seconds_left", "epoch", "top1", "inter"])
def test_every_figure_is_shown(changed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(tmp_path, 0, 100, Output())
    shown.measured(AT_20)
    shown.measured(replace(AT_20, **{changed: 2 * getattr(AT_20, changed)}))
    first, second = capsys.readouterr().err.splitlines()
    assert first != second
    shown.close()


def test_a_verification_as_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(tmp_path, 0, 100, Output())
    shown.verified(40, [LFW], best=True)
    shown.verified(60, [LFW, AGEDB], best=False)
    shown.close()
    assert capsys.readouterr().err.splitlines() == [
        "step 40/100  lfw 81.25% ± 1.25%  the best so far",
        "step 60/100  lfw 81.25% ± 1.25%  agedb_30 68.75% ± 2.50%  mean 75.00%",
    ]


def test_quiet_is_quiet_and_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    shown.verified(20, [LFW], best=True)
    shown.say("a line")
    shown.close()
    assert capsys.readouterr() == ("", "")
    assert len(read_records(tmp_path)) == 2


def test_the_log(tmp_path: Path) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    shown.verified(20, [LFW, AGEDB], best=True)
    shown.measured(at(40))
    shown.close()
    first, second, third = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert first["seconds_left"] == 4801
    assert Measurement(**first) == AT_20
    assert second == {
        "step": 20,
        "verification": {
            "lfw": {"accuracy": 0.8125, "std": 0.0125, "threshold": 1.375, "xnorm": 20.0},
            "agedb_30": {"accuracy": 0.6875, "std": 0.025, "threshold": 1.5, "xnorm": 21.0},
        },
        "mean_accuracy": 0.75,
        "best": True,
    }
    assert read_log(tmp_path) == [first, third]
    assert read_verifications(tmp_path) == [second]


@pytest.mark.parametrize("end", ['{"step": 60, "lo', "5\n", "{}\n", "\n"])
def test_a_log_that_a_crash_cut_off(end: str, tmp_path: Path) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    shown.close()
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write(end)
    assert [record["step"] for record in read_log(tmp_path)] == [20]
    Progress(tmp_path, 20, 100, Output(quiet=True)).measured(at(40))
    assert [record["step"] for record in read_log(tmp_path)] == [20, 40]


def test_a_run_goes_on_where_its_checkpoint_is(tmp_path: Path) -> None:
    """Killed at 100, resumed at 60: nothing is twice in the log, in the curves or in TensorBoard."""
    shown = Progress(tmp_path, 0, 200, Output(quiet=True))
    for step in (20, 40, 60, 80, 100):
        shown.measured(at(step))
        if step % 40 == 0:
            shown.verified(step, [LFW], best=True)
    del shown  # it was not closed
    again = Progress(tmp_path, 60, 200, Output(quiet=True))
    assert [record["step"] for record in read_records(tmp_path)] == [20, 40, 40, 60]
    for step in (80, 100, 120):
        again.measured(replace(at(step), lr=0.5))
    again.verified(120, [AGEDB], best=True)
    again.close()
    assert [record["step"] for record in read_log(tmp_path)] == [20, 40, 60, 80, 100, 120]
    assert [record["step"] for record in read_verifications(tmp_path)] == [40, 120]
    drawn = points(tmp_path / "tensorboard")
    rates = [(step, round(rate, 6)) for step, rate in drawn["train/lr"]]
    assert rates == [(20, 0.0125), (40, 0.0125), (60, 0.0125), (80, 0.5), (100, 0.5), (120, 0.5)]
    assert drawn["verification/mean"] == [(40, 0.8125), (120, 0.6875)]
    assert drawn["verification/lfw"] == [(40, 0.8125)]


def test_a_run_begun_anew_begins_its_log_anew(tmp_path: Path) -> None:
    """It was killed before its first checkpoint."""
    Progress(tmp_path, 0, 100, Output(quiet=True)).measured(AT_20)
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    assert read_records(tmp_path) == []
    shown.measured(at(25))
    shown.close()
    assert [step for step, _ in points(tmp_path / "tensorboard")["loss/loss"]] == [25]


def test_every_figure_goes_to_tensorboard(tmp_path: Path) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    shown.verified(20, [LFW, AGEDB], best=True)
    found = {tag: curve[0][1] for tag, curve in points(tmp_path / "tensorboard").items()}  # at once, without a close
    assert found == pytest.approx(
        {
            "loss/loss": -12.25,
            "loss/intra": -13.5,
            "loss/inter": 1.25,
            "cosine/genuine": 0.625,
            "cosine/impostor": 0.125,
            "train/top1": 0.75,
            "train/lr": 0.0125,
            "speed/images_per_second": 512,
            "speed/data_wait": 0.03125,
            "verification/lfw": 0.8125,
            "verification/agedb_30": 0.6875,
            "verification/mean": 0.75,
        }
    )
    shown.close()


def test_when_the_curves_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each verification and at the end; in between at most once a minute, and in 1 % of the time."""
    now, seconds, drawn = [1000.0], [0.25], []

    def draw(outdir: Path) -> None:
        drawn.append((outdir, now[0]))
        now[0] += seconds[0]

    monkeypatch.setattr(curves, "draw_curves", draw)
    monkeypatch.setattr("sface.train.reporting.run_progress.time.monotonic", lambda: now[0])
    shown = Progress(tmp_path, 0, 1000, Output(quiet=True))
    for step in range(1, 131):  # a second each
        now[0] = 1000.0 + step
        shown.measured(at(step))
    assert drawn == [(tmp_path, 1060), (tmp_path, 1121)]
    shown.verified(130, [LFW], best=True)
    shown.close()
    assert len(drawn) == 3  # nothing is new since
    shown.close()
    again = Progress(tmp_path, 130, 1000, Output(quiet=True))
    again.close()
    assert len(drawn) == 3
    seconds[0], started = 2.0, now[0]
    again = Progress(tmp_path, 130, 1000, Output(quiet=True))
    for step in range(131, 531):
        now[0] += 1
        again.measured(at(step))
    assert [round(moment - started) for _, moment in drawn[3:]] == [60, 262]
    again.close()
    assert len(drawn) == 6


def test_a_real_picture_at_the_end(tmp_path: Path) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    assert not (tmp_path / "curves.png").exists()
    shown.close()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "log.jsonl", "tensorboard"]


def failing(error: Exception) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [StorageError("disk full"), ImportError("no matplotlib"), ValueError("a fault")])
def test_a_failed_drawing_is_said_once_and_ends_nothing(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(curves, "draw_curves", failing(error))
    shown = Progress(tmp_path, 0, 100, Output())
    for step in (20, 40):
        shown.verified(step, [LFW], best=False)
    shown.measured(at(60))
    shown.close()
    said = [line for line in capsys.readouterr().err.splitlines() if "curves.png" in line]
    assert said == [f"{tmp_path / 'curves.png'}: could not be written; the run goes on without ({error})"]


def test_a_failed_event_file_is_said_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tensorboard.EventFile, "add", failing(OSError(28, "No space left on device")))
    shown = Progress(tmp_path, 0, 100, Output())
    for step in (20, 40):
        shown.measured(at(step))
    shown.close()
    said = [line for line in capsys.readouterr().err.splitlines() if "could not be written" in line]
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / 'tensorboard'}: could not be written; the run goes on without (")
    assert len(read_log(tmp_path)) == 2


def test_a_folder_that_is_in_the_way_of_tensorboard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tensorboard").write_text("a file")
    shown = Progress(tmp_path, 0, 100, Output())
    shown.measured(AT_20)
    shown.close()
    assert "tensorboard: could not be written; the run goes on without" in capsys.readouterr().err
    assert (tmp_path / "tensorboard").read_text() == "a file"


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    shown = Progress(tmp_path, 0, 100, Output(quiet=True))
    shown.measured(AT_20)
    with largest_file(300), pytest.raises(StorageError, match=r"log\.jsonl: could not be written"):
        shown.measured(at(40))
    with largest_file(300), pytest.raises(StorageError, match=r"log\.jsonl: could not be written"):
        shown.verified(40, [LFW], best=True)
    shown.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3569, "59 min"),
        (3571, "1 h 0 min"),
        (4801, "1 h 20 min"),
        (86_369, "23 h 59 min"),
        (86_371, "1 d 0 h"),
        (1e6, "11 d 14 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


RUN = f"""
import sys
from pathlib import Path
from sface.output import Output
from sface.train.reporting.run_progress import Measurement, Progress
from sface.evaluate.ten_fold_verification import VerificationResult
shown = Progress(Path(sys.argv[1]), 0, 125_000, Output())
for _ in range(20):
    shown.step()
shown.measured({AT_20!r})
shown.say("a word beside it")
shown.verified(20, [{LFW!r}], best=True)
shown.close()
"""


@pytest.mark.parametrize("columns", [0, 80, 200])
def test_a_bar_on_a_terminal(columns: int, tmp_path: Path) -> None:
    """Also on one that does not know its width; nothing of what was measured is cut off at 80 columns."""
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child = subprocess.Popen([sys.executable, "-W", "error", "-c", RUN, tmp_path], stderr=stderr, env=environment)
    os.close(stderr)
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not part:
            break
        written += part
    os.close(terminal)
    assert child.wait() == 0
    lines = [line for line in written.decode().replace("\x1b[A", "\n").replace("\r", "\n").split("\n") if line.strip()]
    assert max(map(len, lines)) <= (columns or 80)
    assert any("|" in line and line.endswith(f"20/125000, {AT_20.speed_text()}") for line in lines)
    assert AT_20.text() in lines
    assert "a word beside it" in lines
    assert "step 20/125000  lfw 81.25% ± 1.25%  the best so far" in lines
