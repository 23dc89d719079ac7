"""`sface enroll` and `sface gallery`: whose photos are in a gallery afterwards, and what must leave it as it was."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface.cli.dispatch import main
from sface.infer import Gallery

from ..people_photos import draw_people, pattern, told
from ..tiny_models import raw_metadata, write_model

OPTIONS = ("--threshold", "0.9", "--aligned")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2, "Çiğdem 李": 3}, photos=2)


@pytest.fixture
def gallery(tmp_path: Path, model: Path, people: Path) -> Path:
    assert main(["enroll", str(tmp_path / "g"), str(people), "--model", str(model), *OPTIONS, "--quiet"]) == 0
    return tmp_path / "g"


def test_a_folder_per_person(gallery: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Gallery.check(gallery)
    assert Gallery.load(gallery).people == {"Ada": 2, "Bo": 2, "Çiğdem 李": 2}
    # Run again with one photo more, as people do: only that one is added.
    Image.fromarray(pattern(1, 7)).save(people / "Ada" / "7.png")
    code, fields = told(["enroll", gallery, people, "--model", model, *OPTIONS], capsys)
    assert (code, fields["enrolled"], fields["known_photos"]) == (0, {"Ada": 1}, 6)
    assert Gallery.load(gallery).people == {"Ada": 3, "Bo": 2, "Çiğdem 李": 2}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_only_its_owner_may_read_it(gallery: Path) -> None:
    assert gallery.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in gallery.iterdir()} == {0o600}


def test_one_person(gallery: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their photos behind the options; and they look like somebody who is there under another name."""
    capsys.readouterr()
    photo = str(people / "Bo" / "0.png")
    assert main(["enroll", str(gallery), "--model", str(model), *OPTIONS, "--person", "Dan", photo]) == 0
    out, err = capsys.readouterr()
    assert out == f"enrolled 1 photo of 1 person; {gallery} holds 4 people, 7 photos\n"
    assert err == "Bo and Dan look alike (1.00): the same person under two names?\n"


def test_listed_and_removed(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["gallery", str(gallery)]) == 0
    out = capsys.readouterr().out
    assert out == f"Ada  2 photos\nBo  2 photos\nÇiğdem 李  2 photos\n{gallery} holds 3 people, 6 photos\n"
    assert main(["gallery", str(gallery), "--remove", "Bo"]) == 0
    assert capsys.readouterr().out == f"removed Bo (2 photos); {gallery} holds 2 people, 4 photos\n"
    assert told(["gallery", gallery], capsys)[1]["people"] == {"Ada": 2, "Çiğdem 李": 2}
    code, fields = told(["gallery", gallery, "--remove", "Bo"], capsys)
    assert (code, fields) == (2, {"error": {"code": "usage", "message": "'Bo' is not in the gallery"}})
    code, fields = told(["gallery", gallery / "none", "--remove", "Bo"], capsys)
    assert (code, fields["error"]["code"]) == (6, "data")


def test_photos_that_cannot_be_used(
    tmp_path: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are named and left out; somebody who has no other photo is an error, when all others are enrolled."""
    (people / "Ada" / "text.png").write_text("no picture")
    (people / "Zoe").mkdir()
    (people / "Zoe" / "large.png").write_bytes((people / "Ada" / "0.png").read_bytes()[:-40])
    code, fields = told(["enroll", tmp_path / "g", people, "--model", model, *OPTIONS], capsys)
    assert (code, fields["error"]["code"], fields["people_without"]) == (6, "data", ["Zoe"])
    assert "Zoe: not enrolled" in fields["error"]["message"]
    assert [(photo["photo"], photo["code"]) for photo in fields["left_out"]] == [
        (str(people / "Ada" / "text.png"), "bad_image"),
        (str(people / "Zoe" / "large.png"), "bad_image"),
    ]
    assert Gallery.load(tmp_path / "g").people == {"Ada": 2, "Bo": 2, "Çiğdem 李": 2}
    assert main(["enroll", str(tmp_path / "g"), str(people), "--model", str(model), *OPTIONS]) == 6
    out, err = capsys.readouterr()
    assert out.startswith("enrolled 0 photos of 3 people (6 more were in it already); ")
    assert "text.png: left out: is not a picture" in err and "\nerror: Zoe: not enrolled" in err


def test_nothing_to_enroll(tmp_path: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No gallery comes of it."""
    Image.fromarray(np.full((200, 200, 3), 90, dtype=np.uint8)).save(tmp_path / "wall.png")
    folder, wall, photo = tmp_path / "g", tmp_path / "wall.png", people / "Ada" / "0.png"
    found = ["--model", model, "--detector", "mtcnn"]
    for arguments, exit_code, kind in (
        ([wall, "--person", "Ada", *found], 4, "no_face"),
        ([wall, wall, "--person", "Ada", *found], 4, "no_face"),
        ([wall, "--person", "Ada", "--model", model, "--aligned"], 3, "bad_image"),
        ([tmp_path / "none.jpg", "--person", "Ada", *found], 3, "bad_image"),
        ([photo, "--model", model], 2, "usage"),
        ([people, people, "--model", model], 2, "usage"),
        ([people, "--faces", "all", "--model", model], 2, "usage"),
        ([photo, "--person", "", "--model", model, "--aligned"], 2, "usage"),
        ([photo, "--person", "A\nB", "--model", model, "--aligned"], 2, "usage"),
        ([people / "Ada", "--model", model], 6, "data"),
        ([tmp_path / "nowhere", "--model", model], 6, "data"),
    ):
        code, fields = told(["enroll", folder, *arguments], capsys)
        assert (code, fields["error"]["code"]) == (exit_code, kind), arguments
        assert not (folder / "gallery.json").exists()


def test_a_folder_of_something_else(people: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as the photos' own: nothing is written into it."""
    before = sorted(people.rglob("*"))
    code, fields = told(["enroll", people, people, "--model", model, *OPTIONS], capsys)
    assert code == 2 and "holds something else than a gallery" in fields["error"]["message"]
    assert sorted(people.rglob("*")) == before
    assert told(["enroll", model, people, "--model", model, *OPTIONS], capsys)[0] == 2


def test_a_gallery_of_another_model(
    gallery: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=1)
    before = (gallery / "gallery.json").read_bytes()
    code, fields = told(["enroll", gallery, people, "--model", other, *OPTIONS], capsys)
    assert (code, fields["error"]["code"]) == (5, "model")
    assert "of another network; enroll the photos again with this one" in fields["error"]["message"]
    assert (gallery / "gallery.json").read_bytes() == before


def test_a_damaged_gallery_is_not_made_good(
    gallery: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its vectors would get a new checksum."""
    path = gallery / "embeddings-1.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for arguments in (["enroll", gallery, people, "--model", model, *OPTIONS], ["gallery", gallery]):
        code, fields = told(arguments, capsys)
        assert (code, fields["error"]["code"]) == (6, "data")
        assert "damaged; enroll the photos again" in fields["error"]["message"]
    assert path.read_bytes() == data


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from sface import files
from sface.cli import dispatch

def die(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

def write_half(path, vectors, **_options):
    Path(path).write_bytes(vectors.tobytes()[:100])
    die()

if sys.argv[1] == "vectors half written":
    np.save = write_half
else:
    write = files.write_atomically
    files.write_atomically = lambda path, writer: die() if path.name == "gallery.json" else write(path, writer)
dispatch.main(sys.argv[2:])
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["vectors half written", "before gallery.json"])
def test_killed_while_it_saves(
    moment: str, gallery: Path, people: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (gallery / "gallery.json").read_bytes()
    arguments = ["enroll", gallery, "--person", "Eve", people / "Bo" / "0.png", "--model", model, *OPTIONS]
    done = subprocess.run([sys.executable, "-c", KILLED, moment, *map(str, arguments)], check=False)
    assert done.returncode == -9
    assert len(list(gallery.iterdir())) == 3, "the test has to leave something behind"
    Gallery.check(gallery)
    assert (gallery / "gallery.json").read_bytes() == before
    assert told(arguments, capsys)[0] == 0
    assert Gallery.load(gallery).people == {"Ada": 2, "Bo": 2, "Çiğdem 李": 2, "Eve": 1}
    assert len(list(gallery.iterdir())) == 2, "what the killed one left is personal data"


def test_killed_before_the_first_is_whole(
    people: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder that it left is no hindrance."""
    (tmp_path / "g" / ".embeddings-1.npy.x").mkdir(parents=True)
    shutil.copy(model, tmp_path / "g" / ".embeddings-1.npy.x" / "embeddings-1.npy")
    shutil.copy(model, tmp_path / "g" / "embeddings-1.npy")
    assert told(["enroll", tmp_path / "g", people, "--model", model, *OPTIONS], capsys)[0] == 0
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["embeddings-2.npy", "gallery.json"]


def test_two_at_once(gallery: Path, people: Path, model: Path) -> None:
    """Neither is lost."""
    photo = str(people / "Bo" / "1.png")
    command = [sys.executable, "-m", "sface", "enroll", str(gallery), photo, "--model", str(model), *OPTIONS]
    started = [subprocess.Popen([*command, "--quiet", "--person", name]) for name in ("Eve", "Finn", "Gus")]
    assert [process.wait() for process in started] == [0, 0, 0]
    Gallery.check(gallery)
    people_in_it = Gallery.load(gallery).people
    assert {name: people_in_it[name] for name in ("Eve", "Finn", "Gus")} == {"Eve": 1, "Finn": 1, "Gus": 1}


def test_notes_on_poor_photos(
    tmp_path: Path, model: Path, drawn_photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    image = Image.open(drawn_photos[0])
    small = image.resize((image.width // 3, image.height // 3)).resize(image.size, Image.Resampling.BICUBIC)
    small.save(tmp_path / "blurred.png")
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(image, (0, 0))
    both.paste(Image.open(drawn_photos[1]).resize(image.size), (image.width, 0))
    both.save(tmp_path / "both.png")
    photos = [str(tmp_path / name) for name in ("blurred.png", "both.png")]
    options = ["--person", "Ada", "--model", str(model), "--detector", "mtcnn"]
    assert main(["enroll", str(tmp_path / "g"), *photos, *options]) == 0
    err = capsys.readouterr().err
    assert "blurred.png: the face is blurred (sharpness " in err
    assert "both.png: 2 faces; one of them was taken (--faces error refuses such photos)" in err
