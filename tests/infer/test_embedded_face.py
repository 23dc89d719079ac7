"""Every face of a photo, with its embedding."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align import find_faces, load_detector, load_image
from sface.errors import ImageError, UsageError
from sface.infer import FaceVerifier

from ..tiny_models import DIMENSION, raw_metadata, write_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny") / "tiny.onnx", metadata=raw_metadata())


@pytest.fixture(scope="module")
def verifier(tiny: Path) -> FaceVerifier:
    return FaceVerifier(tiny, detector="mtcnn")


@pytest.fixture(scope="module")
def crowd(drawn_photos: list[Path]) -> NDArray[np.uint8]:
    """A small face at the left, a large one in the middle, another at the right."""
    canvas = np.full((400, 1200, 3), 128, np.uint8)
    for path, left, size in zip(drawn_photos[:3], (20, 400, 950), (180, 400, 250), strict=True):
        canvas[:size, left : left + size] = cv2.resize(load_image(path), (size, size))
    return canvas


def test_every_face_of_a_photo(verifier: FaceVerifier, crowd: NDArray[np.uint8]) -> None:
    faces = verifier.faces(crowd)
    found, _ = find_faces(crowd, load_detector("mtcnn"), "all")
    assert sorted(face.box for face in faces) == sorted(face.box for face in found)
    assert 400 < faces[0].box[0] < 800, "the large one in the middle comes first"
    for face in faces:
        assert face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32
        assert face.crop.shape == (112, 112, 3) and face.crop.dtype == np.uint8
        assert face.embedding.shape == (DIMENSION,) and face.embedding.dtype == np.float32
        assert 0.5 < face.score <= 1 and face.quality.size > 20
        alone = verifier.embedder.embed(face.crop[None])
        assert np.abs(face.embedding - alone.unit[0]).max() < 1e-6
        assert face.length == pytest.approx(float(alone.lengths[0]), rel=1e-5)


def test_the_first_is_the_one_that_verify_takes(verifier: FaceVerifier, crowd: NDArray[np.uint8]) -> None:
    (first, *_), unit = verifier.faces(crowd), verifier.embed([crowd])[0]
    # Not equal: `embed` looks for large faces alone where there is one, and finds it a little elsewhere.
    assert verifier.compare(first.embedding, unit) > 0.95


def test_a_photo_without_a_face_and_what_is_no_photo(verifier: FaceVerifier, tmp_path: Path) -> None:
    assert verifier.faces(np.full((200, 200, 3), 90, np.uint8)) == []
    with pytest.raises(ImageError, match=r"none\.jpg: can't be opened"):
        verifier.faces(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match=r"^photo: is not a picture"):
        verifier.faces(b"junk")
    with pytest.raises(UsageError, match=r"^photo: int is not a picture"):
        verifier.faces(3)  # type: ignore[arg-type]


def test_aligned_crops_mirror_images_and_other_choices(tiny: Path, verifier: FaceVerifier, crowd: np.ndarray) -> None:
    first = verifier.faces(crowd)[0]
    aligned = FaceVerifier(tiny, aligned=True, flip=True)
    (face,) = aligned.faces(first.crop)
    assert (face.box, face.score) == ((0, 0, 112, 112), 1)
    assert np.array_equal(face.crop, first.crop)
    flipped = aligned.embedder.embed(first.crop[None], flip=True)
    assert np.array_equal(face.embedding, flipped.unit[0]) and face.length == flipped.lengths[0]
    with pytest.raises(ImageError, match="not a crop of 112x112"):
        aligned.faces(crowd)
    assert len(FaceVerifier(tiny, detector="mtcnn", faces="error").faces(crowd)) == 3


def test_an_array_in_bgr(verifier: FaceVerifier, crowd: NDArray[np.uint8]) -> None:
    bgr = np.ascontiguousarray(crowd[:, :, ::-1])
    for one, other in zip(verifier.faces(crowd), verifier.faces(bgr, color="bgr"), strict=True):
        assert one.box == other.box
        assert np.array_equal(one.crop, other.crop) and np.array_equal(one.embedding, other.embedding)
    with pytest.raises(UsageError, match="color 'gbr': must be 'rgb' or 'bgr'"):
        verifier.faces(crowd, color="gbr")  # type: ignore[arg-type]


def test_what_is_printed_has_no_embedding(verifier: FaceVerifier, crowd: NDArray[np.uint8]) -> None:
    face = verifier.faces(crowd)[0]
    text = repr(face)
    left, top, right, bottom = (round(side) for side in face.box)
    assert text.startswith(f"<EmbeddedFace: box ({left}, {top}, {right}, {bottom}), score ")
    assert text.endswith(f"embedding of {DIMENSION} numbers>")
    assert str(face.embedding[0])[:6] not in text and str(face) == text
