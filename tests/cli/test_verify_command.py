"""`face-verify` from its words to its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.cli.dispatch import face_verify, main

from ..tiny_models import raw_metadata, write_model, write_published_sface


@pytest.fixture(scope="module")
def sface_model(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    measured = raw_metadata(embedding_size=128, threshold=0.363, fmr=0.001, threshold_set="SET", aligner="mtcnn+onet-1")
    return write_published_sface(shared, tmp_path_factory.mktemp("sface") / "sface.onnx", measured)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return str(write_model(tmp_path / "tiny.onnx", metadata=raw_metadata()))


@pytest.fixture
def wall(tmp_path: Path) -> str:
    """A photo without a face."""
    path = str(tmp_path / "wall.png")
    cv2.imwrite(path, np.full((200, 200, 3), 90, dtype=np.uint8))
    return path


@pytest.fixture
def photos(shared: Path) -> tuple[str, str, str]:
    """Two photos of one person and one of another."""
    lfw = shared / "photos" / "lfw"
    names = ("Abel_Pacheco/Abel_Pacheco_0001.jpg", "Abel_Pacheco/Abel_Pacheco_0004.jpg")
    return str(lfw / names[0]), str(lfw / names[1]), str(lfw / "Akhmed_Zakayev" / "Akhmed_Zakayev_0001.jpg")


def test_two_photos_of_one_person(
    sface_model: Path, photos: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert face_verify([photos[0], photos[1], "--model", str(sface_model), "--detector", "mtcnn"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("SAME 0.")
    assert out.endswith(" >= 0.36 (cosine; threshold for FMR 0.1 % measured on SET)\n")
    assert err == ""


def test_photos_of_two_people_as_json(
    sface_model: Path, photos: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [photos[0], photos[2], "--model", str(sface_model), "--detector", "mtcnn", "--json"]
    assert main(["verify", *arguments]) == 1
    fields = json.loads(capsys.readouterr().out)
    assert fields["same"] is False
    assert fields["similarity"] < fields["threshold"] == 0.363
    assert fields["fmr"] == 0.001
    assert [face["photo"] for face in fields["faces"]] == [photos[0], photos[2]]
    assert fields["model"] == str(sface_model)


def test_an_unmeasured_file_says_so(
    tiny: str, photos: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert face_verify([photos[0], photos[0], "--model", tiny, "--detector", "mtcnn"]) == 0
    assert capsys.readouterr().out == "SAME 1.00 >= 0.36 (cosine; uncalibrated)\n"
    assert face_verify([photos[0], photos[0], "--model", tiny, "--detector", "mtcnn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fmr"] is None


def test_a_given_threshold_decides(
    sface_model: Path, photos: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [photos[0], photos[1], "--model", str(sface_model), "--detector", "mtcnn", "--threshold", "0.99"]
    assert face_verify(arguments) == 1
    assert capsys.readouterr().out.endswith(" < 0.99 (cosine; threshold given)\n")


def test_a_picture_of_what_was_compared(
    sface_model: Path, photos: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = tmp_path / "out.png"
    arguments = ["--model", str(sface_model), "--detector", "mtcnn", "--show"]
    assert face_verify([photos[0], photos[2], *arguments, str(shown)]) == 1
    picture = cv2.imread(str(shown))[:, :, ::-1].astype(int)
    for x, path in ((16, photos[0]), (16 + 480 + 16, photos[2])):  # the photos, side by side
        photo = cv2.resize(cv2.imread(path), (480, 480))[:, :, ::-1]
        assert np.median(np.abs(picture[16 : 16 + 480, x : x + 480] - photo)) < 5
    assert ((picture == (255, 210, 0)).all(axis=2)).sum() > 1000  # boxes and points
    assert ((picture == (200, 60, 50)).all(axis=2)).sum() > 50  # DIFFERENT, in red
    capsys.readouterr()
    assert face_verify([photos[0], photos[2], *arguments, str(tmp_path / "out.xyz")]) == 2
    assert "out.xyz: can't be written as a picture" in failed(capsys)
    same = str(tmp_path / "photo.png")
    cv2.imwrite(same, cv2.imread(photos[0]))
    assert face_verify([same, photos[2], *arguments, same]) == 2
    assert "is a photo itself" in failed(capsys)
    wide = str(tmp_path / "wide.png")
    cv2.imwrite(wide, cv2.copyMakeBorder(cv2.imread(photos[0]), 0, 0, 0, 3000, cv2.BORDER_CONSTANT))
    assert face_verify([wide, photos[0], *arguments, str(tmp_path / "wide.webp"), "--faces", "largest"]) == 0
    assert cv2.imread(str(tmp_path / "wide.webp")).shape[1] < 3000
    capsys.readouterr()
    (tmp_path / "file").touch()
    assert face_verify([photos[0], photos[2], *arguments, str(tmp_path / "file" / "out.png")]) == 6
    assert "out.png" in failed(capsys)


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--faces", "error"], 4), (["--faces", "center"], 0), (["--aligned"], 3), (["--faces", "x"], 2)],
)
def test_which_face(
    tiny: str,
    photos: tuple[str, str, str],
    options: list[str],
    code: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    one, other = cv2.imread(photos[0]), cv2.imread(photos[2])
    both = str(tmp_path / "both.png")
    cv2.imwrite(both, np.concatenate([one, other, one], axis=1))
    assert face_verify([both, photos[2], "--model", tiny, *options, "--json"]) == code
    result = json.loads(capsys.readouterr().out)
    if code == 4:
        assert result["error"]["code"] == "several_faces"
    if code == 0:
        assert 250 < np.mean(result["faces"][0]["box"][::2]) < 500


def test_flip_and_providers_reach_the_network(
    tiny: str, photos: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def similarity(*options: str) -> float:
        assert face_verify([photos[0], photos[2], "--model", tiny, "--threshold", "-1", "--json", *options]) == 0
        return float(json.loads(capsys.readouterr().out)["similarity"])

    assert abs(similarity() - similarity("--flip")) > 1e-4
    assert similarity() == pytest.approx(similarity("--providers", "cpu"), abs=1e-6)
    assert face_verify([photos[0], photos[2], "--model", tiny, "--providers", "cpu,tpu"]) == 2
    assert "tpu" in failed(capsys)


def failed(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_bad_photos(tiny: str, wall: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a photo")
    options = ["--model", tiny, "--detector", "mtcnn"]
    assert face_verify([str(text), wall, *options]) == 3
    assert "text.jpg" in failed(capsys)
    assert face_verify([str(tmp_path / "none.jpg"), wall, *options]) == 3
    assert "none.jpg" in failed(capsys)
    assert face_verify([wall, wall, *options]) == 4
    assert "wall.png: mtcnn found no face" in failed(capsys)


def test_bad_models(tmp_path: Path, wall: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    assert face_verify([wall, wall, "--model", str(tmp_path / "text.onnx")]) == 5
    assert "text.onnx" in failed(capsys)
    assert face_verify([wall, wall, "--model", str(tmp_path / "none.onnx")]) == 5
    assert "none.onnx" in failed(capsys)
    foreign = str(write_model(tmp_path / "foreign.onnx"))
    assert face_verify([wall, wall, "--model", foreign]) == 5
    assert "--preprocess raw" in failed(capsys)
    assert face_verify([wall, wall, "--model", foreign, "--preprocess", "raw", "--detector", "mtcnn"]) == 4
    assert face_verify([wall, wall, "--model", foreign, "--preprocess", "raw", "--detector", foreign]) == 5


def test_no_default_model(
    tmp_path: Path, wall: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path))
    assert face_verify([wall, wall]) == 5
    message = failed(capsys)
    assert "sface zoo get sface" in message and "--model" in message


def test_errors_are_json_too(tiny: str, wall: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert face_verify([wall, wall, "--model", tiny, "--detector", "mtcnn", "--json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["code"] == "no_face"
    assert err == ""


@pytest.mark.parametrize("threshold", ["nan", "2"])
def test_a_threshold_that_is_no_cosine(
    tiny: str, wall: str, threshold: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert face_verify([wall, wall, "--model", tiny, "--threshold", threshold]) == 2
    assert "from -1 to 1" in failed(capsys)


@pytest.mark.parametrize("arguments", [[], ["a.jpg"], ["a.jpg", "b.jpg", "--threshold", "x"], ["a", "b", "--huh"]])
def test_a_wrong_call_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert face_verify(arguments) == 2
    assert "face-verify --help tells more" in failed(capsys)
    assert face_verify([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
from sface.cli.dispatch import face_verify
try:
    face_verify(["--help"])
except SystemExit as ended:
    assert ended.code == 0
heavy = {"jittor", "onnxruntime", "onnx", "numpy", "cv2", "skimage", "PIL"} & set(sys.modules)
print(sorted(heavy), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--preprocess" in done.stdout
    assert done.stderr == "[]\n"


def test_answers_that_nobody_reads(drawn_photos: list[Path], tiny: str) -> None:
    """As in `face-verify ... | true`."""
    photo = str(drawn_photos[0])
    command = [sys.executable, "-c", "from sface.cli.dispatch import face_verify; import sys; sys.exit(face_verify())"]
    process = subprocess.Popen(
        [*command, photo, photo, "--model", tiny, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 6)
    assert "Traceback" not in errors and "BrokenPipe" not in errors


def test_a_name_that_is_not_utf8(drawn_photos: list[Path], tiny: str, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(name)).write_bytes(drawn_photos[0].read_bytes())
    command = [sys.executable, "-c", "from sface.cli.dispatch import face_verify; import sys; sys.exit(face_verify())"]
    for encoding in ("utf-8", "latin-1"):
        done = subprocess.run(
            [*command, name, name, "--model", tiny, "--json"],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["same"]


def test_a_fault_of_ours_is_not_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], drawn_photos: list[Path], tiny: str
) -> None:
    """Python would end with 1, which means: two people."""

    def fault(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("as in a bug")

    photo = str(drawn_photos[0])
    monkeypatch.setattr("sface.infer.verifier.FaceVerifier.verify", fault)
    assert face_verify([photo, photo, "--model", tiny, "--json"]) == 6
    assert "ZeroDivisionError" in json.loads(capsys.readouterr().out)["error"]["message"]
