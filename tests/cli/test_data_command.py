"""`sface data`: what a person and a program are told, exit codes, and calls that must leave nothing behind."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sface.cli.dispatch import main
from sface.datasets.encoded import encode_jpeg
from sface.datasets.image_sets import open_image_set


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out, err = capsys.readouterr()
    assert err == ""
    fields: dict[str, Any] = json.loads(out)
    return fields


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A folder per person: three with 100, 20 and 4 pictures, numbered in their grey values; two are equal."""
    for number in range(124):
        person = "Ann" if number < 100 else "Bob" if number < 120 else "Cid"
        path = tmp_path / "people" / person / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), number if number != 119 else 50, dtype=np.uint8)).save(path)
    return tmp_path / "people"


def test_there_and_back(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, images = tmp_path / "records", tmp_path / "images"
    assert main(["data", "convert", str(people), "-o", str(records)]) == 0
    assert capsys.readouterr() == (f"{records}: 124 images of 3 people as train.rec, left out: 0\n", "")
    assert main(["data", "convert", str(records), "--output", str(images)]) == 0
    assert capsys.readouterr() == (f"{images}: 124 images of 3 people as files with imgs.txt, left out: 0\n", "")
    first, *others = (open_image_set(folder) for folder in (people, records, images))
    assert [other.kind for other in others] == ["train.rec", "imgs.txt"]
    for other in others:
        assert other.labels.tolist() == first.labels.tolist()
        assert all(other.encoded(index) == first.encoded(index) for index in range(124))


@pytest.mark.parametrize(("to", "kind"), [("records", "train.rec"), ("images", "imgs.txt")])
def test_the_layout_can_be_chosen(
    people: Path, tmp_path: Path, to: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, source in enumerate((people, tmp_path / "out0")):
        target = tmp_path / f"out{number}"
        assert main(["data", "convert", str(source), "-o", str(target), "--to", to, "--json"]) == 0
        fields = as_json(capsys)
        assert fields.pop("seconds") >= 0
        assert fields == {"path": str(target), "layout": to, "people": 3, "images": 124, "left_out": []}
        assert open_image_set(target).kind == kind


def test_what_was_left_out_is_named(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (people / "Ann" / "007.png").write_text("text")
    reason = f"{people}/Ann/007.png: neither JPEG nor PNG, BMP or WebP"
    assert main(["data", "convert", str(people), "-o", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.endswith(f"123 images of 3 people as train.rec, left out: 1\n  {reason}\n")
    assert main(["data", "convert", str(people), "-o", str(tmp_path / "b"), "--json"]) == 0
    assert as_json(capsys)["left_out"] == [reason]


def test_nothing_is_overwritten(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    for name in ("empty", "file", "link", "people"):
        assert main(["data", "convert", str(people), "-o", str(tmp_path / name)]) == 2
        assert f"{tmp_path / name}: is there already; name a new folder" in capsys.readouterr().err
    assert main(["data", "convert", str(people), "-o", str(people / "records")]) == 2
    assert f"lies in {people} itself" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_check_for_a_person(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (people / "Ann" / "007.png").write_text("text")
    plot = tmp_path / "plots" / "sizes.png"
    assert main(["data", "check", str(people), "--plot", str(plot)]) == 0
    assert capsys.readouterr() == (
        f"{people}: 124 images of 3 people, 16x16 pixels (folders)\n"
        "images per person: 4 to 100, median 20\n"
        f"unreadable: 1\n  {people}/Ann/007.png: not an image, or a damaged one\n"
        "images that repeat another: 1\n"
        f"equal images of different people: 1\n  {people}/Ann/050.png = {people}/Bob/119.png\n",
        "",
    )
    with Image.open(plot) as image:
        assert image.format == "PNG"


def test_a_check_names_jpegs_in_which_data_is_missing(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jpeg = encode_jpeg(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    (people / "Ann" / "007.png").write_bytes(jpeg[:-22] + b"\xff\xd9")
    assert main(["data", "check", str(people)]) == 0
    out, _ = capsys.readouterr()
    assert f"unreadable: 1\n  {people}/Ann/007.png: is damaged or truncated (" in out


def test_a_check_for_a_program(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(people / "Cid" / "121.png", people / "Cid" / "122.png")
    (people / "Ann" / "007.png").write_text("text")
    expected = {
        "path": str(people),
        "layout": "folders",
        "people": 3,
        "images": 124,
        "size": 16,
        "images_per_person": {"min": 4, "median": 20.0, "max": 100, "people_without": 0},
        "unreadable": [
            {"image": f"{people}/Ann/007.png", "why": f"{people}/Ann/007.png: not an image, or a damaged one"}
        ],
        "equal_of_one_person": [[f"{people}/Cid/121.png", f"{people}/Cid/122.png"]],
        "equal_of_different_people": [[f"{people}/Ann/050.png", f"{people}/Bob/119.png"]],
        "refused": False,
        "plot": None,
    }
    for call in (["check", str(people), "--json"], ["--json", "check", str(people)]):
        assert main(["data", *call]) == 0
        assert as_json(capsys) == expected


def test_a_set_that_training_refuses(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many unreadable images as a run ends at; the answer is given all the same."""
    for number in range(20, 35):
        (people / "Ann" / f"{number:03}.png").write_bytes(b"")
    assert main(["data", "check", str(people)]) == 6
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[2] == "unreadable: 15"
    assert lines[3] == f"  {people}/Ann/020.png: empty"
    assert lines[13] == "  and 5 more (--json lists all)"
    assert lines[14] == "more than 1 % is unreadable: training refuses this set"
    assert err == ""
    assert main(["data", "check", str(people), "--json"]) == 6
    fields = as_json(capsys)
    assert fields["refused"] is True
    assert len(fields["unreadable"]) == 15
    assert main(["data", "convert", str(people), "-o", str(tmp_path / "out")]) == 6
    assert "15 of 124 images" not in (err := capsys.readouterr().err) and "more than 1%" in err
    assert list(tmp_path.iterdir()) == [people]


def test_people_without_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    (tmp_path / "imgs.txt").write_text("a.png 4")
    (tmp_path / "property").write_text("5,16,16")
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "images per person: 0 to 1, median 0; 4 people have none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ([], 2, "convert|check"),
        (["mend"], 2, "mend"),
        (["check"], 2, "ROOT"),
        (["convert", "{people}"], 2, "-o"),
        (["convert", "{people}", "-o", "{new}", "--to", "zip"], 2, "zip"),
        (["check", "{people}", "--plot", "sizes.pdf"], 2, "--plot sizes.pdf: name a file that ends with .png"),
        (["check", "nowhere"], 6, "nowhere: no such folder"),
        (["convert", "nowhere", "-o", "{new}"], 6, "nowhere: no such folder"),
        (["check", "{people}/Ann"], 6, "nor a folder per person"),
    ],
)
@pytest.mark.parametrize("json_", [False, True])
def test_bad_calls(
    people: Path,
    tmp_path: Path,
    call: list[str],
    code: int,
    words: str,
    json_: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [part.format(people=people, new=tmp_path / "new") for part in call]
    assert main(["data", *arguments, *(["--json"] if json_ else [])]) == code
    out, err = capsys.readouterr()
    assert words in (json.loads(out)["error"]["message"] if json_ else err)
    assert (out if json_ else err).count("\n") == 1
    assert (err if json_ else out) == ""
    assert list(tmp_path.iterdir()) == [people]


def on_a_terminal(*arguments: str) -> str:
    """What the command writes to a terminal as stderr."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-m", "sface", "data", *arguments], stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 1 << 16):
                written += part
        except OSError:  # the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0
    return written.decode()


def test_a_bar_on_a_terminal_alone(people: Path) -> None:
    assert "/124 [" in on_a_terminal("check", str(people))
    assert on_a_terminal("check", str(people), "--quiet") == ""


def test_a_full_disk(people: Path, tmp_path: Path) -> None:
    target = tmp_path / "records"
    command = f"ulimit -f 8; exec {sys.executable} -m sface data convert {people} -o {target}"  # files of 4 or 8 KiB
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.startswith(f"error: {target}: could not be written (File too large)")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [people]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, drawn_set: Path, tmp_path: Path) -> None:
    """While it syncs many files to disk, or before."""
    lines = (drawn_set / "imgs.txt").read_text()
    shutil.copytree(drawn_set, tmp_path / "set")
    (tmp_path / "set" / "imgs.txt").write_text(lines * 500)
    arguments = ["data", "convert", str(tmp_path / "set"), "-o", str(tmp_path / "out"), "--to", "images"]
    process = subprocess.Popen([sys.executable, "-m", "sface", *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    deadline = time.monotonic() + 60
    while not any(tmp_path.glob(".out.*/*/*.png")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=60)[1] == "error: interrupted\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]
