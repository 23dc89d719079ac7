"""A gallery on disk: enrolled into, asked and changed in one call each."""

import json
from pathlib import Path

import pytest

from sface.errors import DataError, ModelError, UsageError
from sface.infer import FaceVerifier, Gallery, change_gallery, enroll, identify, open_gallery

from ...people_photos import pattern
from ...tiny_models import raw_metadata, write_model


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> FaceVerifier:
    model = write_model(tmp_path_factory.mktemp("model") / "model.onnx", metadata=raw_metadata())
    return FaceVerifier(model, aligned=True, threshold=0.98)


@pytest.fixture
def folder(verifier: FaceVerifier, tmp_path: Path) -> str:
    """Its path as text."""
    folder = str(tmp_path / "staff")
    enroll(folder, {"Ada": [pattern(1, 0)], "Bo": [pattern(2, 0)]}, verifier)
    return folder


def test_enrolled_and_identified(folder: str, verifier: FaceVerifier) -> None:
    assert enroll(folder, {"Ada": [pattern(1, 0), pattern(1, 1)]}, verifier).enrolled == {"Ada": 1}
    found = identify(folder, [pattern(1, 5), pattern(3, 0)], verifier)
    assert [face.person for face in found.faces] == ["Ada", None]
    assert open_gallery(folder, verifier.embedder).people == {"Ada": 2, "Bo": 1}
    assert not any("enrolled with" in note for note in found.notes)


def test_the_aligner_is_kept_in_the_description(folder: str, verifier: FaceVerifier) -> None:
    file = Path(folder, "gallery.json")
    fields = json.loads(file.read_text())
    assert (fields.pop("aligner"), Gallery.load(folder).aligner) == ("aligned", "aligned")
    file.write_text(json.dumps(fields))  # as it was written before there was that field
    assert open_gallery(folder).aligner is None
    note = identify(folder, [pattern(1, 5)], verifier).notes[0]
    assert note.startswith("the gallery was enrolled with an aligner that is not known, this run uses aligned crops:")
    Gallery(verifier.embedder).save(folder)
    assert json.loads(file.read_text())["aligner"] is None


def test_changed(folder: str, verifier: FaceVerifier) -> None:
    with change_gallery(folder) as gallery:
        gallery.remove("Ada")
    assert Gallery.load(folder).people == {"Bo": 1}

    def fail() -> None:
        with change_gallery(folder) as gallery:
            gallery.remove("Bo")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert Gallery.load(folder).people == {"Bo": 1}


def test_a_folder_that_is_no_gallery(folder: str, verifier: FaceVerifier, tmp_path: Path) -> None:
    none = tmp_path / "none"
    with pytest.raises(DataError, match="there is no gallery"):
        identify(none, [pattern(1, 0)], verifier)
    with pytest.raises(DataError, match="there is no gallery"), change_gallery(none):
        pass
    assert not none.exists()
    with change_gallery(none, verifier.embedder) as gallery:
        gallery.add({"Ada": verifier.embed([pattern(1, 0)])})
    assert Gallery.load(none, verifier.embedder).people == {"Ada": 1}
    with pytest.raises(UsageError, match="holds something else than a gallery"):
        enroll(tmp_path, {"Ada": [pattern(1, 0)]}, verifier)
    other = write_model(tmp_path / "other.onnx", metadata=raw_metadata(), seed=1)
    with pytest.raises(ModelError, match=r"staff: its embeddings are of another network"):
        enroll(folder, {"Ada": [pattern(1, 0)]}, FaceVerifier(other, aligned=True))


def test_one_that_is_damaged(folder: str, verifier: FaceVerifier) -> None:
    path = next(Path(folder).glob("*.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for call in (lambda: open_gallery(folder), lambda: identify(folder, [pattern(1, 0)], verifier)):
        with pytest.raises(DataError, match="damaged; enroll the photos again"):
            call()
    with pytest.raises(DataError, match="damaged"):
        enroll(folder, {"Cy": [pattern(3, 0)]}, verifier)
    assert path.read_bytes() == data
