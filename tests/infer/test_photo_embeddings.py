"""Photos embedded together: each in its place, however many there are and whatever is wrong with some."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sface.align.photo_faces import Photo
from sface.errors import ImageError, NoFaceError, UsageError
from sface.infer import FaceVerifier, Gallery
from sface.infer.photo_embeddings import PhotoEmbeddings, embed_each

from ..people_photos import pattern
from ..tiny_models import raw_metadata, write_model


def test_each_photo_has_its_result(tmp_path: Path, drawn_photos: list[Path]) -> None:
    model = write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())
    verifier = FaceVerifier(model, detector="mtcnn")
    wall = np.full((200, 200, 3), 90, np.uint8)
    photos: list[tuple[Photo, str]] = [(drawn_photos[0], "?"), (b"junk", "a"), (wall, "b"), (drawn_photos[1], "?")]
    one, junk, blank, other = embed_each(verifier.reader, verifier.embedder, photos, flip=False)
    for result, path in ((one, drawn_photos[0]), (other, drawn_photos[1])):
        assert isinstance(result, PhotoEmbeddings)
        assert [face.photo for face in result.faces] == [str(path)]
        assert np.abs(result.units - verifier.embed([path])).max() < 1e-6
        assert set(result.timings) == {"read", "detect", "align", "embed"}
    assert isinstance(junk, ImageError) and junk.path == "a"
    assert isinstance(blank, NoFaceError) and blank.path == "b"


def test_more_photos_than_are_embedded_at_once(tmp_path: Path) -> None:
    verifier = FaceVerifier(write_model(tmp_path / "tiny.onnx", metadata=raw_metadata()), aligned=True)
    crops = [pattern(person, 0) for person in range(70)]
    photos = [(crop, f"photo {number}") for number, crop in enumerate(crops)]
    results = list(embed_each(verifier.reader, verifier.embedder, photos, flip=False))
    expected = verifier.embedder.embed(np.stack(crops)).unit
    for number, result in enumerate(results):
        assert isinstance(result, PhotoEmbeddings)
        assert result.faces[0].photo == f"photo {number}"
        assert np.abs(result.units[0] - expected[number]).max() < 1e-6


@pytest.mark.parametrize("kind", ["str", "path", "bytes", "file", "Pillow", "array", "grey array"])
def test_one_photo_alone_is_no_list(kind: str, tmp_path: Path) -> None:
    """Its letters, bytes or rows would be taken for photos."""
    pixels = pattern(1, 1)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    photos: dict[str, Any] = {
        "str": str(tmp_path / "a.png"),
        "path": tmp_path / "a.png",
        "bytes": (tmp_path / "a.png").read_bytes(),
        "file": io.BytesIO((tmp_path / "a.png").read_bytes()),
        "Pillow": Image.fromarray(pixels),
        "array": pixels,
        "grey array": pixels[:, :, 0],
    }
    verifier = FaceVerifier(write_model(tmp_path / "m.onnx", metadata=raw_metadata()), aligned=True, threshold=0.9)
    gallery = Gallery(verifier.embedder)
    calls: list[Callable[[], object]] = [
        lambda: verifier.embed(photos[kind]),
        lambda: gallery.enroll({"Ada": photos[kind]}, verifier),
        lambda: gallery.identify(photos[kind], verifier),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="one photo alone; give a list"):
            call()
    assert len(verifier.embed([pixels, pixels])) == 2
