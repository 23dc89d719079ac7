"""From two real photos to a decision, with OpenCV's published SFace network and MTCNN."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.errors import ImageError, ModelError, NoFaceError
from sface.infer import FaceEmbedder, FaceVerifier

from ..tiny_models import raw_metadata, write_model, write_published_sface

THRESHOLD = 0.363  # the published network's own


@pytest.fixture(scope="module")
def verifier(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceVerifier:
    model = write_published_sface(shared, tmp_path_factory.mktemp("sface") / "sface.onnx")
    return FaceVerifier(model, detector="mtcnn", threshold=THRESHOLD, preprocess="raw")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())


def photo(shared: Path, name: str, number: int) -> Path:
    return shared / "photos" / "lfw" / name / f"{name}_{number:04}.jpg"


def some_pairs(shared: Path) -> list[tuple[Path, Path, bool]]:
    """Six pairs of each kind from LFW's list: 300 lines NAME I J, then 300 lines NAME I NAME J."""
    lines = [line.split() for line in (shared / "photos" / "lfw" / "pairs.txt").read_text().splitlines()[1:]]
    genuine = [(photo(shared, a, int(i)), photo(shared, a, int(j)), True) for a, i, j in lines[:300:50]]
    impostor = [(photo(shared, a, int(i)), photo(shared, b, int(j)), False) for a, i, b, j in lines[300:600:50]]
    return genuine + impostor


def test_decides_real_pairs(verifier: FaceVerifier, shared: Path) -> None:
    for a, b, same in some_pairs(shared):
        verification = verifier.verify(a, b)
        assert verification.same == same, f"{a.name} and {b.name}: {verification}"
        assert verification.same == (verification.similarity >= THRESHOLD)


def test_a_photo_and_itself_are_one(verifier: FaceVerifier, shared: Path) -> None:
    a = photo(shared, "Abel_Pacheco", 1)
    assert verifier.verify(a, a).similarity == pytest.approx(1, abs=1e-6)


def test_the_order_of_the_photos_does_not_matter(verifier: FaceVerifier, shared: Path) -> None:
    a, b = photo(shared, "Abel_Pacheco", 1), photo(shared, "Abel_Pacheco", 4)
    there, back = verifier.verify(a, b), verifier.verify(str(b), str(a))
    assert there.similarity == pytest.approx(back.similarity, abs=1e-6)
    assert there.to_dict()["faces"] == back.to_dict()["faces"][::-1]


def test_a_similarity_at_the_threshold_is_the_same(tiny: Path, shared: Path) -> None:
    a, b = photo(shared, "Abel_Pacheco", 1), photo(shared, "Akhmed_Zakayev", 1)
    similarity = FaceVerifier(tiny, detector="mtcnn").verify(a, b).similarity
    at, above = similarity, float(np.nextafter(similarity, 1))
    assert FaceVerifier(tiny, detector="mtcnn", threshold=at).verify(a, b).same
    assert not FaceVerifier(tiny, detector="mtcnn", threshold=above).verify(a, b).same


def test_photos_need_no_file(tiny: Path, shared: Path, tmp_path: Path) -> None:
    a = photo(shared, "Abel_Pacheco", 1)
    image = cv2.cvtColor(cv2.imread(str(a)), cv2.COLOR_BGR2RGB)
    verification = FaceVerifier(tiny, detector="mtcnn").verify(a.read_bytes(), image)
    assert verification.similarity > 0.999
    assert [face.photo for face in verification.faces] == ["first photo", "second photo"]
    with pytest.raises(NoFaceError, match="second photo: mtcnn found no face"):
        FaceVerifier(tiny, detector="mtcnn").verify(image, np.full((200, 200, 3), 90, dtype=np.uint8))


def test_several_faces_are_a_note(verifier: FaceVerifier, shared: Path, tmp_path: Path) -> None:
    a, b = photo(shared, "Abel_Pacheco", 1), photo(shared, "Akhmed_Zakayev", 1)
    small = cv2.resize(cv2.imread(str(b)), (125, 125))
    both = np.full((250, 375, 3), 128, dtype=np.uint8)
    both[:, :250], both[:125, 250:] = cv2.imread(str(a)), small
    cv2.imwrite(str(tmp_path / "both.png"), both)
    verification = verifier.verify(tmp_path / "both.png", a)
    assert verification.faces[0].found == 2
    assert verification.similarity > 0.9
    assert len(verification.notes) == 1
    assert verification.notes[0].startswith(f"{tmp_path / 'both.png'}: 2 faces; ")


def test_threads_share_a_verifier(verifier: FaceVerifier, shared: Path) -> None:
    pairs = [(a, b) for a, b, _ in some_pairs(shared)[::3]]
    alone = [verifier.verify(a, b).similarity for a, b in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: verifier.verify(*pair).similarity, pairs))
    assert together == pytest.approx(alone, abs=1e-6)


def test_a_photo_without_a_face_is_no_decision(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 90, dtype=np.uint8))
    with pytest.raises(NoFaceError, match=r"wall\.png: mtcnn found no face"):
        FaceVerifier(tiny, detector="mtcnn").verify(path, path)


def test_a_photo_that_is_none(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("not a photo")
    with pytest.raises(ImageError, match=r"text\.jpg"):
        FaceVerifier(tiny, detector="mtcnn").verify(path, path)


def test_the_default_model_is_the_one_in_the_home(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path / "home"))
    with pytest.raises(
        ModelError, match=r"home/models: there is no model here yet; .* sface zoo get sface, .* with model"
    ):
        FaceVerifier()
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    (models / "default.onnx").write_bytes(tiny.read_bytes())
    assert FaceVerifier().embedder.sha256 == FaceEmbedder(tiny).sha256
    assert FaceVerifier().detector == "mtcnn"  # no YuNet file in this home


def test_photos_are_called_by_their_names(tiny: Path, shared: Path) -> None:
    verifier = FaceVerifier(tiny, detector="mtcnn")
    good = photo(shared, "Abel_Pacheco", 1).read_bytes()
    with pytest.raises(ImageError, match=r"^second photo: is not a picture"):
        verifier.verify(good, b"junk")
    with pytest.raises(ImageError, match=r"^selfie: is not a picture"):
        verifier.verify(b"junk", good, names=("selfie", "passport"))
    assert [face.photo for face in verifier.verify(good, good, names=("x", "y")).faces] == ["x", "y"]
