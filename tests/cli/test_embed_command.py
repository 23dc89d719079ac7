"""`sface embed`: what lies in the file, its options, and calls that must leave nothing behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.align import align_face, find_faces, load_detector, load_image
from sface.cli.dispatch import main
from sface.files import sha256
from sface.infer import FaceVerifier, folder_embedding
from sface.processes import shards

from ..child_processes import in_this_process
from ..tiny_models import DIMENSION, raw_metadata, write_model, write_published_sface

ONES = ["0-0.png", "1-0.png", "2-0.png"]  # photos of one face


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(loss="sface"))


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Path]) -> Path:
    """Five photos of one face each, two of them in a folder; one of two faces; one of none; a text; what is hidden."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for path in drawn_photos:
        shutil.copy(path, folder / "more" / path.name if path.name.startswith("3") else folder)
    shutil.copy(drawn_photos[0], folder / ".hidden")
    shutil.copy(drawn_photos[0], folder / ".hidden.png")
    two = np.concatenate([load_image(path) for path in drawn_photos[:2]], axis=1)
    Image.fromarray(two).save(folder / "two.png")
    Image.fromarray(np.full((99, 99, 3), 90, dtype=np.uint8)).save(folder / "wall.png")
    (folder / "text.jpg").write_text("no photo")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(shards, "in_processes", in_this_process)


def call(photos: Path, model: Path, *more: str) -> list[str]:
    return ["embed", str(photos), "-o", str(out(photos)), "--model", str(model), "--detector", "mtcnn", *more]


def out(photos: Path) -> Path:
    return photos.parent / "out.npz"


def read(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def test_what_lies_in_the_file(photos: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(photos.parent.iterdir())
    assert main(call(photos, model, "--json")) == 0
    text, err = capsys.readouterr()
    fields = json.loads(text)
    assert fields.pop("seconds") > 0
    assert fields == {
        "path": str(out(photos)),
        "photos": 8,
        "faces": 6,
        "embedding_size": DIMENSION,
        "left_out": {"bad_image": 1, "no_face": 1},
        "model": str(model),
        "model_sha256": sha256(model),
        "detector": "mtcnn",
        "provider": "CPUExecutionProvider",
    }
    assert err == ""
    assert sorted(photos.parent.iterdir()) == sorted([*before, out(photos)])
    assert os.name == "nt" or out(photos).stat().st_mode & 0o777 == 0o600

    arrays = read(out(photos))
    paths = arrays["paths"].tolist()
    assert paths == ["0-0.png", "1-0.png", "2-0.png", "more/3-0.png", "more/3-1.png", "two.png"]
    verifier = FaceVerifier(model, detector="mtcnn")
    assert arrays["embeddings"].dtype == np.float32
    expected = verifier.embed([photos / path for path in paths])
    assert np.abs(arrays["embeddings"] - expected).max() <= 1e-6
    assert np.abs(np.linalg.norm(arrays["embeddings"], axis=1) - 1).max() < 1e-6
    for row, path in enumerate(paths):
        (face,) = (one := verifier.reader.read(photos / path)).faces
        assert np.allclose(arrays["boxes"][row], face.box)
        assert np.allclose(arrays["landmarks"][row], face.landmarks)
        assert arrays["scores"][row] == np.float32(face.score)
        assert np.allclose(arrays["lengths"][row], verifier.embedder.embed(one.crops).lengths)
        for name in ("sharpness", "brightness", "size", "yaw", "roll"):
            assert arrays[name][row] == np.float32(getattr(face.quality, name))
    assert str(arrays["model_sha256"]) == sha256(model)
    assert arrays["left_out_paths"].tolist() == ["text.jpg", "wall.png"]
    assert arrays["left_out_codes"].tolist() == ["bad_image", "no_face"]
    assert arrays["left_out_reasons"][0].startswith("is not a picture")
    assert arrays["left_out_reasons"][1].startswith("mtcnn found no face")


def test_in_words_with_the_default_model(
    photos: Path, model: Path, here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SFACE_HOME", str(photos.parent / "home"))
    (photos.parent / "home" / "models").mkdir(parents=True)
    shutil.copy(model, photos.parent / "home" / "models" / "default.onnx")
    assert main(["embed", str(photos), "--output", str(out(photos))]) == 0
    assert capsys.readouterr() == (
        f"{out(photos)}: 6 faces of 6 photos, 16 numbers each; left out: 2 (1 bad_image, 1 no_face)\n",
        "",
    )


def test_which_faces(photos: Path, model: Path, here: None) -> None:
    assert main(call(photos, model, "--faces", "all")) == 0
    arrays = read(out(photos))
    assert arrays["paths"].tolist()[-2:] == ["two.png", "two.png"]
    image, detector = load_image(photos / "two.png"), load_detector("mtcnn")
    faces, _ = find_faces(image, detector, "all")
    crops = np.stack([align_face(image, face.landmarks) for face in faces])
    units = FaceVerifier(model).embedder.embed(crops).unit
    assert np.abs(arrays["embeddings"][-2:] - units).max() <= 1e-6
    assert main(call(photos, model, "--faces", "error")) == 0
    arrays = read(out(photos))
    assert len(arrays["paths"]) == 5
    assert arrays["left_out_paths"].tolist() == ["text.jpg", "two.png", "wall.png"]
    assert arrays["left_out_codes"].tolist() == ["bad_image", "several_faces", "no_face"]
    assert arrays["left_out_reasons"][1].startswith("2 faces were found")


def test_mirror_images_and_crops(photos: Path, model: Path, here: None) -> None:
    paths = [photos / name for name in ONES]
    assert main(call(photos, model, "--flip")) == 0
    flipped = FaceVerifier(model, detector="mtcnn", flip=True).embed(paths)
    assert np.abs(read(out(photos))["embeddings"][:3] - flipped).max() <= 1e-6
    crops = photos.parent / "crops"
    crops.mkdir()
    for path in paths:
        Image.fromarray(FaceVerifier(model, detector="mtcnn").reader.read(path).crops[0]).save(crops / path.name)
    shutil.copy(photos / "two.png", crops)
    assert main([*call(photos, model, "--aligned")[:-3], "--detector", "mtcnn", "--aligned"]) == 2
    assert main(["embed", str(crops), "-o", str(out(photos)), "--model", str(model), "--aligned"]) == 0
    arrays = read(out(photos))
    expected = FaceVerifier(model, detector="mtcnn").embed(paths)
    assert np.abs(arrays["embeddings"] - expected).max() <= 1e-6
    assert arrays["left_out_reasons"].tolist() == [
        "448x224 pixels, not a crop of 112x112; for photos leave out aligned"
    ]


def test_what_the_network_takes(photos: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(photos.parent / "unknown.onnx", normalised=False)
    assert main(call(photos, model)) == 5
    assert "--preprocess raw" in capsys.readouterr().err
    for preprocess in ("raw", "centered"):
        assert main(call(photos, model, "--preprocess", preprocess)) == 0
        verifier = FaceVerifier(model, detector="mtcnn", preprocess=preprocess)
        assert np.abs(read(out(photos))["embeddings"][:1] - verifier.embed([photos / ONES[0]])).max() <= 1e-6


def test_the_detector(shared: Path, photos: Path, model: Path, here: None) -> None:
    yunet = shared / "models" / "face_detection_yunet_2026may.onnx"
    assert main([*call(photos, model)[:-1], str(yunet)]) == 0
    face = FaceVerifier(model, detector=yunet).reader.read(photos / ONES[0]).faces[0]
    assert np.allclose(read(out(photos))["landmarks"][0], face.landmarks)


def test_where_a_gpu_runs_the_network_it_does_so_in_one_process(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(call(photos, model)) == 0
    expected = out(photos).read_bytes()
    monkeypatch.setattr(folder_embedding, "CPU", "another provider")
    monkeypatch.setattr(folder_embedding, "_open_verifier", None)
    assert main(call(photos, model)) == 0
    assert out(photos).read_bytes() == expected


@pytest.mark.slow
def test_a_published_network_and_real_photos(shared: Path, tmp_path: Path) -> None:
    model = write_published_sface(shared, tmp_path / "sface.onnx")
    people = [folder for folder in sorted((shared / "photos" / "lfw").iterdir()) if folder.is_dir()][:9]
    for person in people:
        shutil.copytree(person, tmp_path / "photos" / person.name)
    assert main(call(tmp_path / "photos", model, "--preprocess", "raw", "--quiet")) == 0
    arrays = read(out(tmp_path / "photos"))
    verifier = FaceVerifier(model, detector="mtcnn", preprocess="raw")
    expected = verifier.embed([tmp_path / "photos" / path for path in arrays["paths"]])
    assert np.abs(arrays["embeddings"] - expected).max() <= 1e-6


def test_what_was_kept_is_not_used_for_a_changed_photo_or_other_options(
    photos: Path, model: Path, drawn_photos: list[Path], here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    def keep_shards() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(folder_embedding, "_gather", press_ctrl_c)
            assert main(call(photos, model, "--quiet")) == 130
        assert len(list(photos.parent.glob(".out.npz-shards/*.npz"))) == 1

    keep_shards()
    assert main(call(photos, model, "--flip")) == 0
    flipped = FaceVerifier(model, detector="mtcnn", flip=True).embed([photos / ONES[0]])
    assert np.abs(read(out(photos))["embeddings"][0] - flipped).max() <= 1e-6
    keep_shards()
    shutil.copy(drawn_photos[1], photos / "0-0.png")
    assert main(call(photos, model)) == 0
    embeddings = read(out(photos))["embeddings"]
    assert np.array_equal(embeddings[0], embeddings[1])


def test_nothing_of_mpi_or_jittor_without_mpirun(photos: Path, model: Path) -> None:
    code = (
        f"import sys\nfrom sface.cli.dispatch import main\nassert main({call(photos, model)}) == 0\n"
        "sys.exit(len({'mpi4py', 'jittor'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_what_is_there_already(photos: Path, model: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("text", "empty", "arrays.npz", "array.npy"):
        path = photos.parent / name
        path.write_text("mine" if name == "text" else "")
        if name.startswith("array"):
            with path.open("wb") as file:
                (np.savez if name.endswith("npz") else np.save)(file, np.zeros(3))
        before = path.read_bytes()
        assert main([*call(photos, model), "-o", str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"error: {path}: is there already and no file of embeddings")
        assert path.read_bytes() == before
    assert main([*call(photos, model), "-o", str(photos)]) == 2
    # One of ours is replaced, wherever it lies.
    inside = [*call(photos, model, "--quiet"), "-o", str(photos / "more" / "out")]
    assert main(inside) == 0
    first = (photos / "more" / "out").read_bytes()
    assert main(inside) == 0
    assert (photos / "more" / "out").read_bytes() == first


def test_folders_that_are_missing_are_made(photos: Path, model: Path, here: None) -> None:
    assert main([*call(photos, model, "--quiet"), "-o", str(photos.parent / "a" / "b" / "out.npz")]) == 0
    assert [path.name for path in (photos.parent / "a" / "b").iterdir()] == ["out.npz"]


def test_calls_that_fail(photos: Path, model: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {name: photos.parent / name for name in ("empty", "texts", "walls")}
    for folder in folders.values():
        folder.mkdir()
    (folders["texts"] / "a.jpg").write_text("no photo")
    shutil.copy(photos / "wall.png", folders["texts"])
    shutil.copy(photos / "wall.png", folders["walls"])
    before = sorted(photos.parent.iterdir())
    for arguments, code, words in (
        ([photos.parent / "nowhere"], 6, "there is no such folder"),
        ([photos / "0-0.png"], 6, "is not a folder"),
        ([folders["empty"]], 6, "holds no photo"),
        ([folders["texts"]], 6, "all 2 photos were left out; the first, a.jpg: is not a picture"),
        ([folders["walls"]], 4, "all 1 photos were left out; the first, wall.png: mtcnn found no face"),
        ([photos, "--model", "none.onnx"], 5, "none.onnx"),
        ([photos, "--model", photos / "text.jpg"], 5, "text.jpg"),
        ([photos, "--detector", "none.onnx"], 5, "none.onnx"),
        ([photos, "--providers", "cqu"], 2, "providers cqu"),
        ([photos, "--faces", "nicest"], 2, "--faces"),
        ([photos, "-o", photos / "text.jpg" / "out.npz"], 6, "could not be written"),
    ):
        source, *options = map(str, arguments)
        assert main([*call(Path(source), model), "-o", str(out(photos)), *options]) == code, arguments
        text, err = capsys.readouterr()
        assert words in err and err.count("\n") == 1 and text == ""
    assert sorted(photos.parent.iterdir()) == before
