"""`sface synth`: what lies in the folder, that it is always the same, and calls that must leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align import Face, align_face, drawn_people, find_faces, load_detector, load_image
from sface.cli.dispatch import main
from sface.datasets.image_sets import open_image_set
from sface.datasets.synthetic.faces import SIZE, draw_face


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out)
    return fields


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def call(folder: Path, *more: str) -> list[str]:
    return ["synth", str(folder), "--people", "3", "--photos", "2", "--seed", "4", "--detector", "mtcnn", *more]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "set"
    assert main(call(folder, "--quiet")) == 0
    return folder


def test_pictures_and_crops(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["crops", "photos"]
    crops = open_image_set(made / "crops")
    assert (crops.num_classes, crops.size, len(crops)) == (3, 112, 6)
    assert crops.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (made / "crops" / "imgs.txt").read_text().splitlines()[2] == "p0001/00.jpg\t1"
    photo = load_image(made / "photos" / "p0001" / "00.jpg")
    assert np.abs(photo.astype(float) - draw_face(4, 1, 0).image).mean() < 5
    (face,), _ = find_faces(photo, load_detector("mtcnn"))
    assert np.abs(crops.image(2).astype(float) - align_face(photo, face.landmarks)).mean() < 3


def test_the_same_bytes_with_one_process_into_an_empty_folder(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    folder = tmp_path / "set"
    folder.mkdir()
    assert main(call(folder, "--json")) == 0
    assert digests(folder) == digests(made)
    out, err = capsys.readouterr()
    fields = json.loads(out)
    assert fields.pop("seconds") > 0
    assert fields == {
        "path": str(folder),
        "people": 3,
        "pictures": 6,
        "crops": 6,
        "no_face": 0,
        "no_face_in": [],
        "detector": "mtcnn",
        "seed": 4,
    }
    assert err == ""
    assert list(tmp_path.iterdir()) == [folder]


def test_another_seed_draws_other_pictures(made: Path, tmp_path: Path) -> None:
    assert main([*call(tmp_path / "set", "--quiet", "--people", "1"), "--seed", "5"]) == 0
    photo = "photos/p0000/00.jpg"
    assert digests(tmp_path / "set")[photo] != digests(made)[photo]


class Blind:
    """MTCNN that does not see the pictures that it is told to miss, counted in the order in which it gets them.

    Each picture that it misses is searched four times: for large faces, for small ones, and in two turned copies.
    """

    name = aligner = "mtcnn"
    certain_score = 0.0

    def __init__(self, *misses: int) -> None:
        self._detector, self._misses = load_detector("mtcnn", threads=1), misses
        self._seen, self._last = -1, np.zeros(0, np.uint8)

    def detect(self, image: NDArray[np.uint8], smallest: float = 20) -> list[Face]:
        if image.shape[:2] == (SIZE, SIZE) and image is not self._last:  # a turned copy is larger
            self._seen, self._last = self._seen + 1, image
        return [] if self._seen in self._misses else self._detector.detect(image, smallest)

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        return self._detector.refine(image, face)


def in_this_process(monkeypatch: pytest.MonkeyPatch, detector: Blind) -> None:
    @contextmanager
    def here(_start: Any, work: Any, jobs: Any) -> Iterator[Iterator[Any]]:
        yield (work(detector, job) for job in jobs)

    monkeypatch.setattr(drawn_people, "in_processes", here)


def test_pictures_without_a_face_are_left_out_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_this_process(monkeypatch, Blind(1, 2, 3))  # one picture of person 0, both of person 1
    assert main(call(tmp_path / "set", "--json")) == 0
    fields = as_json(capsys)
    assert (fields["pictures"], fields["crops"], fields["no_face"]) == (6, 3, 3)
    assert fields["no_face_in"] == ["p0000/01.jpg", "p0001/00.jpg", "p0001/01.jpg"]
    crops = open_image_set(tmp_path / "set" / "crops")
    # Labels have no gap: person 1 is not in the training set.
    assert (crops.num_classes, crops.labels.tolist()) == (2, [0, 1, 1])
    assert len(list((tmp_path / "set").rglob("photos/*/*.jpg"))) == 6
    assert len(list((tmp_path / "set").rglob("crops/*/*.jpg"))) == 3


def test_no_face_in_any_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_this_process(monkeypatch, Blind(*range(6)))
    assert main(call(tmp_path / "set")) == 6
    assert "mtcnn found no face in any picture" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--people", "0"], 2, "--people 0: must be from 1 to"),
        (["--people", "-3"], 2, "--people -3"),
        (["--people", "1000000000"], 2, "--people 1000000000"),
        (["--photos", "0"], 2, "--photos 0"),
        (["--photos", "1001"], 2, "--photos 1001"),
        (["--seed", "-1"], 2, "--seed -1"),
        (["--seed", str(2**32)], 2, "--seed 4294967296"),
        (["--detector", "missing.onnx"], 5, "missing.onnx"),
    ],
)
def test_bad_arguments(
    more: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call(tmp_path / "set", *more)) == code
    out, err = capsys.readouterr()
    assert words in err and err.count("\n") == 1 and out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "mine.txt"):
        assert main(call(path)) == 2
        assert f"{path}: is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_text_file_as_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("not a network")
    assert main(call(tmp_path / "set", "--detector", str(tmp_path / "text.onnx"))) == 5
    assert "text.onnx" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX's")
def test_a_full_disk(tmp_path: Path) -> None:
    command = f"ulimit -f 8; exec {sys.executable} -m sface {' '.join(call(tmp_path / 'set'))}"  # files of 4 or 8 KiB
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.startswith(f"error: {tmp_path / 'set'}: could not be written (File too large)")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    arguments = call(tmp_path / "set", "--people", "1000")
    process = subprocess.Popen([sys.executable, "-m", "sface", *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    deadline = time.monotonic() + 60
    while not any(tmp_path.rglob("*.jpg")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    assert process.communicate(timeout=60)[1].splitlines()[-1] == "error: interrupted"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_jpegs_have_the_quality_that_keeps_them_alike(made: Path) -> None:
    """At 95 the mean error of a noisy picture is a few grey levels; at 75 it is far more."""
    photo = cv2.imread(str(made / "photos" / "p0000" / "00.jpg"))[:, :, ::-1].astype(float)
    drawn = draw_face(4, 0, 0).image
    worse = cv2.imdecode(cv2.imencode(".jpg", drawn[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_COLOR)
    assert np.abs(photo - drawn).mean() < np.abs(worse[:, :, ::-1].astype(float) - drawn).mean()
