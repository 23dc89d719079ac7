"""`sface identify`: who is whom, and that strangers are nobody."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.cli.dispatch import main

from ..people_photos import draw_people, told
from ..tiny_models import raw_metadata, write_model, write_published_sface

KNOWN = ("Hugo_Chavez", "Jennifer_Garner", "Jacques_Rogge")
STRANGERS = ("Pervez_Musharraf", "Lleyton_Hewitt", "Ann_Veneman")


@pytest.fixture(scope="module")
def sface(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    measured = raw_metadata(embedding_size=128, threshold=0.4, fmr=0.001, threshold_set="SET", aligner="mtcnn+onet-1")
    return write_published_sface(shared, tmp_path_factory.mktemp("sface") / "sface.onnx", measured)


def photos_of(shared: Path, name: str) -> list[str]:
    return [str(path) for path in sorted((shared / "photos" / "lfw" / name).iterdir())]


@pytest.fixture(scope="module")
def real(shared: Path, sface: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three people with two photos each."""
    root = tmp_path_factory.mktemp("real")
    for name in KNOWN:
        (root / "people" / name).mkdir(parents=True)
        for photo in photos_of(shared, name)[:2]:
            shutil.copy(photo, root / "people" / name)
    options = ["--model", str(sface), "--detector", "mtcnn", "--quiet"]
    assert main(["enroll", str(root / "g"), str(root / "people"), *options]) == 0
    return root / "g"


def test_real_people(real: Path, sface: Path, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By other photos than those enrolled; and whoever isn't enrolled is nobody."""
    options = ["--model", sface, "--detector", "mtcnn"]
    others = [photo for name in KNOWN for photo in photos_of(shared, name)[3:5]]
    code, fields = told(["identify", real, *others, *options], capsys)
    assert [face["person"] for face in fields["faces"]] == [name for name in KNOWN for _ in range(2)]
    assert code == 0 and fields["identified"] is True
    assert all(face["margin"] > 0 and face["similarity"] >= 0.4 for face in fields["faces"])
    strangers = [photos_of(shared, name)[0] for name in STRANGERS]
    code, fields = told(["identify", real, *strangers, *options], capsys)
    assert [face["person"] for face in fields["faces"]] == [None] * 3
    assert code == 1 and fields["identified"] is False
    assert all(face["similarity"] < 0.4 for face in fields["faces"])


def test_in_words(real: Path, sface: Path, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known, stranger = photos_of(shared, KNOWN[0])[3], photos_of(shared, STRANGERS[0])[0]
    capsys.readouterr()
    assert main(["identify", str(real), "--model", str(sface), "--detector", "mtcnn", known, stranger]) == 1
    out, err = capsys.readouterr()
    face = r"( at -?\d+,-?\d+,-?\d+,-?\d+)?"
    assert re.fullmatch(
        rf"{re.escape(known)}{face}: {KNOWN[0]} \(0\.\d\d >= 0\.40, margin 0\.\d\d\)\n"
        rf"{re.escape(stranger)}{face}: nobody \(-?0\.\d\d < 0\.40\)\n",
        out,
    )
    assert (
        "of strangers about 0.599 % are taken for somebody: 1 - (1 - FMR)^photos, with the threshold's FMR of 0.1 % "
        "and 6 photos in the gallery; --threshold can be stricter\n"
    ) in err


def test_two_faces(real: Path, sface: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side in one photo; each is somebody for itself."""
    both = [cv2.imread(photos_of(shared, name)[3]) for name in ("Hugo_Chavez", "Jacques_Rogge")]
    # Cut to the middle: some of these photos show others too.
    cv2.imwrite(str(tmp_path / "both.png"), np.concatenate([image[50:210, 50:200] for image in both], axis=1))
    options = ["--model", sface, "--detector", "mtcnn"]
    code, fields = told(["identify", real, tmp_path / "both.png", *options, "--faces", "all"], capsys)
    faces = sorted(fields["faces"], key=lambda face: face["box"][0])
    assert [face["person"] for face in faces] == ["Hugo_Chavez", "Jacques_Rogge"] and code == 0
    code, fields = told(["identify", real, tmp_path / "both.png", *options], capsys)
    assert len(fields["faces"]) == 1
    assert f"{tmp_path / 'both.png'}: 2 faces; one of them was taken (--faces all takes all)" in fields["notes"]
    code, fields = told(["identify", real, tmp_path / "both.png", *options, "--faces", "error"], capsys)
    assert (code, fields["error"]["code"]) == (4, "several_faces")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2, "Cy": 3}, photos=3)


@pytest.fixture
def drawn(tmp_path: Path, model: Path, people: Path) -> Path:
    """A gallery of Ada and Bo, of whom the last photo is not enrolled."""
    for name in ("Ada", "Bo"):
        photos = [str(people / name / f"{number}.png") for number in range(2)]
        options = ["--person", name, "--model", str(model), "--aligned", "--threshold", "0.99", "--quiet"]
        assert main(["enroll", str(tmp_path / "g"), *photos, *options]) == 0
    return tmp_path / "g"


def test_drawn_people(drawn: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [people / name / "2.png" for name in ("Ada", "Bo", "Cy")]
    options = ["--model", model, "--aligned", "--threshold", "0.98"]
    code, fields = told(["identify", drawn, *photos, *options], capsys)
    assert [face["person"] for face in fields["faces"]] == ["Ada", "Bo", None]
    assert (code, fields["threshold_source"], fields["fmr"], fields["fpir"]) == (1, "given", None, None)
    assert (fields["people"], fields["photos"]) == (2, 4)
    assert set(fields["timings"]) == {"read", "detect", "align", "embed", "search"}
    assert told(["identify", drawn, *photos[:2], *options], capsys)[0] == 0


def test_photos_that_cannot_be_used(
    drawn: Path, people: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are answered all the same, and no exit code below 2 hides it."""
    (tmp_path / "text.png").write_text("no picture")
    options = ["--model", model, "--aligned", "--threshold", "0.98"]
    bad = [tmp_path / "text.png", tmp_path / "none.png"]
    code, fields = told(["identify", drawn, bad[0], people / "Ada" / "2.png", bad[1], *options], capsys)
    assert (code, fields["error"]["code"], fields["identified"]) == (3, "bad_image", False)
    assert [face["person"] for face in fields["faces"]] == ["Ada"]
    assert [photo["photo"] for photo in fields["left_out"]] == [str(path) for path in bad]
    assert main(["identify", str(drawn), *map(str, [bad[0], people / "Ada" / "2.png", bad[1], *options])]) == 3
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(people / "Ada" / "2.png"), *map(str, bad)]
    assert "error: 2 of 3 photos can't be used; the first, " in err
    code, fields = told(["identify", drawn, *bad, *options], capsys)
    assert code == 3 and list(fields) == ["error"]


def test_galleries_that_cannot_be_used(
    drawn: Path, people: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = people / "Ada" / "2.png"
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=1)
    code, fields = told(["identify", drawn, photo, "--model", other, "--aligned"], capsys)
    assert (code, fields["error"]["code"]) == (5, "model")
    assert "of another network" in fields["error"]["message"]
    code, fields = told(["identify", tmp_path / "none", photo, "--model", model, "--aligned"], capsys)
    assert (code, fields["error"]["code"]) == (6, "data")
    assert "there is no gallery; enroll somebody first" in fields["error"]["message"]
    for name in ("Ada", "Bo"):
        assert told(["gallery", drawn, "--remove", name], capsys)[0] == 0
    code, fields = told(["identify", drawn, photo, "--model", model, "--aligned"], capsys)
    assert (code, fields["error"]["code"]) == (2, "usage")


def test_a_damaged_gallery(drawn: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One bit could make a stranger somebody."""
    path = next(drawn.glob("*.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x40
    path.write_bytes(data)
    code, fields = told(["identify", drawn, people / "Cy" / "0.png", "--model", model, "--aligned"], capsys)
    assert (code, fields["error"]["code"]) == (6, "data")
    description = drawn / "gallery.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {"people": {"Ada": 40}}))
    code, fields = told(["identify", drawn, people / "Cy" / "0.png", "--model", model, "--aligned"], capsys)
    assert (code, fields["error"]["code"]) == (6, "data")


def test_wrong_calls(drawn: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([drawn], [drawn, "a.png", "--threshold", "2"], [drawn, "a.png", "--faces", "x"]):
        code, fields = told(["identify", *arguments, "--model", model], capsys)
        assert (code, fields["error"]["code"]) == (2, "usage"), arguments
