"""From two real photos to a decision, with OpenCV's published SFace network and MTCNN."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from sface.errors import ImageError, ModelError, NoFaceError, UsageError
from sface.infer import FaceEmbedder, FaceVerifier, Verification
from sface.infer.threshold import Threshold, choose_threshold

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


def test_a_verification_says_all_that_it_rests_on(verifier: FaceVerifier, shared: Path) -> None:
    a, b = photo(shared, "Abel_Pacheco", 1), photo(shared, "Abel_Pacheco", 4)
    fields = json.loads(json.dumps(verifier.verify(a, b).to_dict(), allow_nan=False))
    assert fields["same"] is True
    assert fields["threshold"] == THRESHOLD
    assert fields["threshold_source"] == "given"
    assert fields["fmr"] is None
    assert fields["threshold_set"] is None
    assert fields["detector"] == "mtcnn"
    assert fields["model"] == str(verifier.embedder.path)
    assert fields["model_sha256"] == verifier.embedder.sha256
    assert set(fields["timings"]) == {"read", "detect", "align", "embed"}
    assert all(0 < milliseconds < 60_000 for milliseconds in fields["timings"].values())
    for face, path in zip(fields["faces"], (a, b), strict=True):
        assert face["photo"] == str(path)
        left, top, right, bottom = face["box"]
        points = np.array(face["landmarks"])
        assert points.shape == (5, 2)
        assert ((points > [left, top]) & (points < [right, bottom])).all()
        assert 0.5 < face["score"] <= 1
        assert face["found"] >= 1


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


MEASURED = {"threshold": 0.25, "fmr": 0.001, "threshold_set": "SET", "detector": "mtcnn"}


def test_which_threshold_decides(tiny: Path, tmp_path: Path) -> None:
    def details(**fields: object) -> Threshold:
        model = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**fields))
        return FaceVerifier(model, detector="mtcnn").threshold_details

    assert FaceVerifier(tiny, detector="mtcnn").threshold == 0.36
    assert details() == Threshold(0.36, "default")
    assert details(published_threshold=0.3) == Threshold(0.3, "published")
    assert details(published_threshold=0.3, **MEASURED) == Threshold(0.25, "file", 0.001, "SET")
    measured = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**MEASURED))
    assert FaceVerifier(measured, detector="mtcnn", threshold=0.5).threshold_details == Threshold(0.5, "given")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), 1.01, -1.01])
def test_a_threshold_that_is_no_cosine(tiny: Path, tmp_path: Path, threshold: float) -> None:
    with pytest.raises(UsageError, match="from -1 to 1"):
        FaceVerifier(tiny, threshold=threshold)
    broken = write_model(tmp_path / "broken.onnx", metadata=raw_metadata(**{**MEASURED, "threshold": threshold}))
    with pytest.raises(ModelError, match="run sface calibrate again"):
        FaceVerifier(broken, detector="mtcnn")


@pytest.mark.parametrize(("measured_with", "notes"), [("mtcnn", 0), ("yunet", 1), ("aligned", 1)])
def test_another_detector_than_the_threshold_was_measured_with_is_a_note(
    shared: Path, tmp_path: Path, measured_with: str, notes: int
) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata(**{**MEASURED, "detector": measured_with}))
    a = photo(shared, "Abel_Pacheco", 1)
    assert len(FaceVerifier(model, detector="mtcnn").verify(a, a).notes) == notes
    assert FaceVerifier(model, detector="mtcnn", threshold=0.25).verify(a, a).notes == ()


def test_a_threshold_that_does_not_say_how_faces_were_found() -> None:
    chosen = choose_threshold(None, raw_metadata(**{**MEASURED, "detector": None}), "yunet", "model.onnx", flip=False)
    assert chosen.notes[0].startswith("the threshold was measured with a detector that is not known, these faces")


def test_a_threshold_for_faces_without_mirror_images_is_a_note_where_they_are_added(
    tmp_path: Path, drawn_photos: list[Path]
) -> None:
    a = drawn_photos[0]
    measured = write_model(tmp_path / "measured.onnx", metadata=raw_metadata(**MEASURED))
    published = write_model(tmp_path / "published.onnx", metadata=raw_metadata(published_threshold=0.3))
    silent = write_model(tmp_path / "silent.onnx", metadata=raw_metadata())
    for model in (measured, published):
        (note,) = FaceVerifier(model, detector="mtcnn", flip=True).verify(a, a).notes
        assert note.startswith("the threshold is for faces without their mirror images, which are added here")
        assert FaceVerifier(model, detector="mtcnn").verify(a, a).notes == ()
        assert FaceVerifier(model, detector="mtcnn", flip=True, threshold=0.4).verify(a, a).notes == ()
    assert FaceVerifier(silent, detector="mtcnn", flip=True).verify(a, a).notes == ()


def test_the_default_model_is_the_one_in_the_home(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFACE_HOME", str(tmp_path / "home"))
    with pytest.raises(
        ModelError, match=r"home/models: there is no network here yet; .* sface zoo get sface, .* as model"
    ):
        FaceVerifier()
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    (models / "default.onnx").write_bytes(tiny.read_bytes())
    assert FaceVerifier().embedder.sha256 == FaceEmbedder(tiny).sha256
    assert FaceVerifier().detector == "mtcnn"  # no YuNet file in this home


@pytest.mark.parametrize(
    "fields",
    [
        {"published_threshold": float("nan")},
        {"published_threshold": -5.0},
        {**MEASURED, "fmr": float("nan")},
        {**MEASURED, "fmr": -3.0},
    ],
)
def test_a_threshold_that_can_not_be(fields: dict[str, object], tmp_path: Path) -> None:
    model = write_model(tmp_path / "odd.onnx", metadata=raw_metadata(**fields))
    with pytest.raises(ModelError, match=r"odd\.onnx: "):
        FaceVerifier(model, detector="mtcnn")


def test_a_name_in_a_file_that_would_steer_a_terminal(tmp_path: Path) -> None:
    model = onnx.load(write_model(tmp_path / "odd.onnx", metadata=raw_metadata(**MEASURED)))
    onnx.helper.set_model_props(model, raw_metadata().to_props() | {"sface.threshold_set": "people\n\x1b[31m"})
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"odd\.onnx: sface\.threshold_set in its metadata is no text of one line"):
        FaceVerifier(tmp_path / "odd.onnx", detector="mtcnn")


def test_photos_are_called_by_their_names(tiny: Path, shared: Path) -> None:
    verifier = FaceVerifier(tiny, detector="mtcnn")
    good = photo(shared, "Abel_Pacheco", 1).read_bytes()
    with pytest.raises(ImageError, match=r"^second photo: is not a picture"):
        verifier.verify(good, b"junk")
    with pytest.raises(ImageError, match=r"^selfie: is not a picture"):
        verifier.verify(b"junk", good, names=("selfie", "passport"))
    assert [face.photo for face in verifier.verify(good, good, names=("x", "y")).faces] == ["x", "y"]


def test_a_verification_in_words(tiny: Path, shared: Path) -> None:
    a = photo(shared, "Abel_Pacheco", 1)
    base = FaceVerifier(tiny, detector="mtcnn").verify(a, a)

    def words(**fields: object) -> str:
        changed: Verification = replace(base, **fields)  # type: ignore[arg-type]
        return str(changed)

    measured = {"threshold_source": "file", "fmr": 0.001, "threshold_set": "SET"}
    assert words() == "SAME 1.00 >= 0.36 (cosine; uncalibrated)"
    assert words(similarity=0.7123, **measured) == (
        "SAME 0.71 >= 0.36 (cosine; threshold for FMR 0.1 % measured on SET)"
    )
    assert words(same=False, similarity=-0.12, threshold_source="given") == (
        "DIFFERENT -0.12 < 0.36 (cosine; threshold given)"
    )
    assert words(same=False, similarity=0.3596) == "DIFFERENT 0.3596 < 0.3600 (cosine; uncalibrated)"
    assert words(similarity=0.36) == "SAME 0.36 >= 0.36 (cosine; uncalibrated)"
    assert repr(base) == "<Verification: SAME 1.00 >= 0.36 (cosine; uncalibrated)>"
