"""`sface align`: the set that it makes, what is left out, interrupted runs, calls that must leave nothing behind."""

import json
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface.align import align_face, find_faces, load_detector, load_image
from sface.cli.dispatch import main
from sface.datasets.image_sets import open_image_set
from sface.processes import shards

from ..child_processes import in_this_process, interrupt

posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX's")


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Path]) -> Path:
    """Ann: three photos, two of one name but for the suffix, and a text; Bob: no face; Cid: one face, and two."""
    folder = tmp_path / "photos"
    for person in ("Ann", "Bob", "Cid", ".hidden", "nobody"):
        (folder / person).mkdir(parents=True)
    shutil.copy(drawn_photos[3], folder / "Ann" / "a b.png")
    Image.open(drawn_photos[4]).save(folder / "Ann" / "1.bmp")
    shutil.copy(drawn_photos[3], folder / "Ann" / "1.png")
    (folder / "Ann" / "text.jpg").write_text("no photo")
    Image.fromarray(np.full((99, 99, 3), 90, dtype=np.uint8)).save(folder / "Bob" / "wall.png")
    shutil.copy(drawn_photos[0], folder / "Cid" / "2.png")
    two = np.concatenate([load_image(path) for path in drawn_photos[:2]], axis=1)
    Image.fromarray(two).save(folder / "Cid" / "two.tif")
    shutil.copy(drawn_photos[1], folder / ".hidden")
    shutil.copy(drawn_photos[1], folder / "beside.png")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(shards, "in_processes", in_this_process)


def call(photos: Path, *more: str) -> list[str]:
    return ["align", str(photos), "-o", str(photos.parent / "set"), "--detector", "mtcnn", *more]


def left_out(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "left_out.tsv").read_text(encoding="utf-8").splitlines()]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_set_for_training(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(call(photos, "--json")) == 0
    folder = photos.parent / "set"
    text, err = capsys.readouterr()
    fields = json.loads(text)
    assert fields.pop("seconds") > 0
    assert fields == {
        "path": str(folder),
        "layout": "images",
        "photos": 7,
        "people": 2,
        "crops": 5,
        "left_out": {"bad_image": 1, "no_face": 1},
        "left_out_list": str(folder / "left_out.tsv"),
        "people_without": ["Bob"],
        "detector": "mtcnn",
        "aligner": "mtcnn+onet-1",
    }
    assert err == ""
    assert (folder / "imgs.txt").read_text() == (
        "Ann/1.jpg\t0\nAnn/1_.jpg\t0\nAnn/a b.jpg\t0\nCid/2.jpg\t1\nCid/two.jpg\t1\n"
    )
    assert (folder / "property").read_text() == "2,112,112\n"
    (text_line, wall_line) = left_out(folder)
    assert text_line[:2] == ["Ann/text.jpg", "bad_image"] and text_line[2].startswith("is not a picture")
    assert wall_line[:2] == ["Bob/wall.png", "no_face"] and wall_line[2].startswith("mtcnn found no face")
    images = open_image_set(folder)
    assert (images.num_classes, images.size, images.labels.tolist()) == (2, 112, [0, 0, 0, 1, 1])
    detector = load_detector("mtcnn")
    for index, name in enumerate(["Ann/1.bmp", "Ann/1.png", "Ann/a b.png", "Cid/2.png", "Cid/two.tif"]):
        photo = load_image(photos / name)
        (face,), _ = find_faces(photo, detector)
        assert np.abs(images.image(index).astype(float) - align_face(photo, face.landmarks)).mean() < 4
    assert sorted(path.name for path in photos.parent.iterdir()) == ["photos", "set"]


def test_in_words_into_an_empty_folder(photos: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    (photos.parent / "set").mkdir()
    assert main(call(photos)) == 0
    assert capsys.readouterr() == (
        f"{photos.parent / 'set'}: 5 faces of 2 people from 7 photos; left out: 2 (1 bad_image, 1 no_face); "
        "people without a face: 1\n",
        "",
    )


def test_records(photos: Path, here: None) -> None:
    assert main(call(photos)) == 0
    listed = left_out(photos.parent / "set")
    (photos.parent / "set").rename(photos.parent / "files")
    files = open_image_set(photos.parent / "files")
    assert main(call(photos, "--records")) == 0
    folder = photos.parent / "set"
    names = ["aligner.txt", "left_out.tsv", "property", "train.idx", "train.rec"]
    assert sorted(path.name for path in folder.iterdir()) == names
    records = open_image_set(folder)
    assert (records.num_classes, records.size) == (2, 112)
    assert records.labels.tolist() == files.labels.tolist()
    assert [records.encoded(index) for index in range(5)] == [files.encoded(index) for index in range(5)]
    assert left_out(folder) == listed


def test_which_faces(photos: Path, here: None) -> None:
    folder = photos.parent / "set"
    assert main(call(photos, "--faces", "all")) == 0
    assert (folder / "imgs.txt").read_text().splitlines()[-3:] == [
        "Cid/2-1.jpg\t1",
        "Cid/two-1.jpg\t1",
        "Cid/two-2.jpg\t1",
    ]
    images = open_image_set(folder)
    assert not np.array_equal(images.image(4), images.image(5))
    shutil.rmtree(folder)
    assert main(call(photos, "--faces", "error")) == 0
    assert [line[:2] for line in left_out(folder)] == [
        ["Ann/text.jpg", "bad_image"],
        ["Bob/wall.png", "no_face"],
        ["Cid/two.tif", "several_faces"],
    ]
    assert len(open_image_set(folder)) == 4


def test_real_photos_with_yunet(shared: Path, tmp_path: Path) -> None:
    people = [folder for folder in sorted((shared / "photos" / "lfw").iterdir()) if folder.is_dir()][:8]
    for person in people:
        shutil.copytree(person, tmp_path / "photos" / person.name)
    yunet = shared / "models" / "face_detection_yunet_2026may.onnx"
    assert main([*call(tmp_path / "photos", "--quiet"), "--detector", str(yunet)]) == 0
    images, detector = open_image_set(tmp_path / "set"), load_detector(yunet)
    paths = sorted((tmp_path / "photos").rglob("*.jpg"))
    assert images.num_classes == 8
    assert images.labels.tolist() == [people.index(shared / "photos" / "lfw" / path.parent.name) for path in paths]
    for index, path in enumerate(paths):
        photo = load_image(path)
        (face,), _ = find_faces(photo, detector)
        assert np.abs(images.image(index).astype(float) - align_face(photo, face.landmarks)).mean() < 2


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, drawn_photos: list[Path]) -> tuple[Path, dict[str, str]]:
    """A hundred photos of five people, and the digests of the set that comes of them without an interruption."""
    folder = tmp_path_factory.mktemp("many") / "photos"
    for index in range(100):
        path = folder / f"p{index // 20}" / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(drawn_photos[index % 5], path)
    assert main(call(folder, "--quiet")) == 0
    return folder, digests(folder.parent / "set")


@pytest.mark.slow
@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(
    number: signal.Signals, tmp_path: Path, many: tuple[Path, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    photos, expected = many
    arguments = [*call(photos), "-o", str(tmp_path / "set")]
    code, err = interrupt(arguments, number, tmp_path, ".set-shards/*.npz")
    if number == signal.SIGINT:
        assert code == 130
        assert err == "the same command goes on from here\nerror: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == [".set-shards"]
    capsys.readouterr()
    assert main(arguments) == 0
    assert capsys.readouterr().err.endswith(" of 100 photos were done before\n")
    assert digests(tmp_path / "set") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@posix
def test_a_full_disk(photos: Path) -> None:
    command = f"ulimit -f 1; exec {sys.executable} -m sface {' '.join(call(photos))}"  # files of 0.5 or 1 KiB
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "could not be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (photos.parent / "set").exists()


def test_a_folder_that_holds_something_stays_as_it_is(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos.parent / "set").mkdir()
    (photos.parent / "set" / "mine.txt").write_text("mine")
    for path in (photos.parent / "set", photos.parent / "set" / "mine.txt"):
        assert main([*call(photos), "-o", str(path)]) == 2
        assert capsys.readouterr().err == f"error: {path}: is there already and not an empty folder; name a new one\n"
    assert (photos.parent / "set" / "mine.txt").read_text() == "mine"


def test_calls_that_fail(photos: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {name: photos.parent / name for name in ("empty", "walls", "deep", "odd")}
    for folder in folders.values():
        folder.mkdir()
    shutil.copytree(photos / "Bob", folders["walls"] / "Bob")
    shutil.copytree(photos / "Bob", folders["deep"] / "people" / "Bob")
    shutil.copytree(photos / "Bob", folders["odd"] / "Bob\nBill")
    before = sorted(photos.parent.iterdir())
    for folder, options, code, words in (
        (photos.parent / "nowhere", [], 6, "nowhere: can't be read"),
        (folders["empty"], [], 6, "holds no folder per person with photos in it"),
        (folders["walls"], [], 4, "all 1 photos were left out; the first, Bob/wall.png: mtcnn found no face"),
        (folders["deep"], [], 6, "Bob: a folder in a person's folder"),
        (folders["odd"], [], 6, "has a tab, a line break or no UTF-8 in its name; rename it"),
        (photos, ["--detector", "none.onnx"], 5, "none.onnx"),
        (photos, ["--faces", "nicest"], 2, "--faces"),
        (photos, ["-o", str(photos / "set")], 2, "itself; name a folder elsewhere"),
    ):
        assert main([*call(folder), *options]) == code, words
        text, err = capsys.readouterr()
        assert words in err and err.count("\n") == 1 and text == ""
    assert sorted(photos.parent.iterdir()) == before
