"""People enrolled from photos, in memory."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.errors import DataError, ImageError, ModelError, NoFaceError, UsageError
from sface.infer import FaceVerifier, Gallery
from sface.output import Output

from ...people_photos import draw_people, pattern
from ...tiny_models import raw_metadata, write_model


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> FaceVerifier:
    model = write_model(tmp_path_factory.mktemp("model") / "model.onnx", metadata=raw_metadata())
    return FaceVerifier(model, aligned=True, threshold=0.9)


@pytest.fixture
def people(tmp_path: Path) -> dict[str, list[Path]]:
    folder = draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2}, photos=2)
    return {name: sorted((folder / name).iterdir()) for name in ("Ada", "Bo")}


def test_photos_of_people(
    verifier: FaceVerifier, people: dict[str, list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = Gallery(verifier.embedder)
    first = gallery.enroll(people, verifier)
    assert (first.enrolled, first.known_photos, first.left_out) == ({"Ada": 2, "Bo": 2}, 0, ())
    assert (first.people, first.photos) == (2, 4) == (len(gallery.people), len(gallery))
    assert (first.threshold, first.threshold_source, first.detector) == (0.9, "given", "aligned")
    assert first.model_sha256 == verifier.embedder.sha256 == gallery.model_sha256
    # Once more, with one photo more, and somebody who looks as one of them does.
    again = gallery.enroll({"Ada": [*people["Ada"], pattern(1, 7)], "Twin": people["Bo"][:1]}, verifier)
    assert (again.enrolled, again.known_photos) == ({"Ada": 1, "Twin": 1}, 2)
    ((one, other, similarity),) = again.alike
    assert {one, other} == {"Bo", "Twin"} and similarity == pytest.approx(1)
    assert capsys.readouterr() == ("", "")


def test_what_can_not_be_used_is_left_out_with_its_error(
    verifier: FaceVerifier, people: dict[str, list[Path]], tmp_path: Path
) -> None:
    gallery = Gallery(verifier.embedder)
    small = np.zeros((9, 9, 3), np.uint8)
    done = gallery.enroll(
        {"Ada": [*people["Ada"], tmp_path / "none.png"], "Zoe": [b"junk", small], "Yan": []}, verifier
    )
    assert [type(error) for error in done.left_out] == [ImageError] * 3
    assert [error.path for error in done.left_out] == [str(tmp_path / "none.png"), "photo 1 of Zoe", "photo 2 of Zoe"]
    assert done.people_without == ("Zoe", "Yan")
    assert gallery.people == {"Ada": 2}


def test_calls_that_add_nothing(
    verifier: FaceVerifier, people: dict[str, list[Path]], tmp_path: Path, drawn_photos: list[Path]
) -> None:
    gallery = Gallery(verifier.embedder)
    with pytest.raises(ImageError, match="photo 1 of Zoe"):
        gallery.enroll({"Zoe": [b"junk"]}, verifier)
    with pytest.raises(DataError, match="all 2 photos were left out; the first, photo 1 of Zoe: is not a picture"):
        gallery.enroll({"Zoe": [b"junk", b"junk"]}, verifier)
    nobodies: list[dict[str, list[bytes]]] = [{}, {"Zoe": []}]
    for nobody in nobodies:
        with pytest.raises(UsageError, match="no photo"):
            gallery.enroll(nobody, verifier)
    with pytest.raises(UsageError, match="a person's name must be a text of one line"):
        gallery.enroll({"Ada": people["Ada"], "": people["Bo"]}, verifier)
    with pytest.raises(UsageError, match="faces all: one face of a photo is a person's") as raised:
        gallery.enroll(people, FaceVerifier(verifier.embedder.path, aligned=True, faces="all"))
    assert raised.value.argument == "faces"
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=1)
    with pytest.raises(ModelError, match="the gallery: its embeddings are of another network"):
        gallery.enroll(people, FaceVerifier(other, aligned=True))
    wall = np.full((200, 200, 3), 90, np.uint8)
    with pytest.raises(NoFaceError, match="all 2 photos were left out"):
        gallery.enroll({"Zoe": [wall, wall]}, FaceVerifier(verifier.embedder.path, detector="mtcnn"))
    assert len(gallery) == 0


def test_arrays_in_bgr(verifier: FaceVerifier, people: dict[str, list[Path]]) -> None:
    def bgr(path: Path) -> NDArray[np.uint8]:
        return np.asarray(cv2.imread(str(path)))

    gallery = Gallery(verifier.embedder)
    gallery.enroll(people, verifier)
    done = gallery.enroll(
        {name: [bgr(path) for path in paths] for name, paths in people.items()}, verifier, color="bgr"
    )
    assert done.known_photos == 4
    assert gallery.enroll({"Ada": [bgr(people["Ada"][0])]}, verifier).known_photos == 0  # the channels are swapped
    assert gallery.enroll({"Bo": [Image.open(people["Bo"][0])]}, verifier, color="bgr").known_photos == 1


def test_photos_of_another_aligner_are_enrolled_with_a_note(
    verifier: FaceVerifier,
    people: dict[str, list[Path]],
    drawn_photos: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    gallery, finding = Gallery(verifier.embedder), FaceVerifier(verifier.embedder.path, detector="mtcnn")

    def notes(of: dict[str, list[Path]], using: FaceVerifier) -> list[str]:
        gallery.enroll(of, using, output=Output())
        return [line for line in capsys.readouterr().err.splitlines() if "enrolled with" in line]

    assert gallery.aligner is None
    assert notes(people, verifier) == []
    assert gallery.aligner == "aligned"
    for photo in drawn_photos[:2]:
        (note,) = notes({photo.stem: [photo]}, finding)
        assert note.startswith("the gallery was enrolled with aligned crops") and "this run uses mtcnn+onet-1" in note
        assert gallery.aligner == "aligned, mtcnn+onet-1"
        assert notes({photo.stem: [photo]}, finding) == []  # known already
    (note,) = gallery.identify(drawn_photos[:1], finding).notes[:1]
    assert note.startswith("the gallery was enrolled with aligned crops, mtcnn+onet-1, this run uses mtcnn+onet-1: ")
    for person in gallery.people:
        gallery.remove(person)
    assert notes({"Ada": drawn_photos[:1]}, finding) == []
    assert gallery.aligner == "mtcnn+onet-1"


def test_beside_embeddings_of_an_unknown_aligner(
    verifier: FaceVerifier, people: dict[str, list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = Gallery(verifier.embedder)
    gallery.add({"Cy": verifier.embed([pattern(3, 0)])})
    gallery.enroll(people, verifier, output=Output())
    assert "enrolled with an aligner that is not known, this run uses aligned crops: " in capsys.readouterr().err
    assert gallery.aligner is None
