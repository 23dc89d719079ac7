"""What the verifier can do beside one pair: many pairs, embeddings, which face, crops, mirror images, providers."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sface.align import align_face, find_faces, load_detector, load_image
from sface.align.image_file import Color
from sface.align.photo_faces import Photo, PhotoFaces
from sface.errors import DependencyError, ImageError, NoFaceError, SeveralFacesError, SFaceError, UsageError
from sface.infer import FaceEmbedder, FaceVerifier, Verification

from ..tiny_models import raw_metadata, write_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny") / "tiny.onnx", metadata=raw_metadata())


@pytest.fixture(scope="module")
def verifier(tiny: Path) -> FaceVerifier:
    return FaceVerifier(tiny, detector="mtcnn")


@pytest.fixture(scope="module")
def crowd(drawn_photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of three: a large face at the left, a smaller one in the middle, another at the right."""
    faces = [load_image(path) for path in drawn_photos[:3]]
    canvas = np.full((400, 1200, 3), 128, np.uint8)
    for image, left, size in zip(faces, (0, 510, 950), (400, 180, 250), strict=True):
        canvas[100 * (size < 300) :, left : left + size][:size] = cv2.resize(image, (size, size))[
            : 400 - 100 * (size < 300)
        ]
    path = tmp_path_factory.mktemp("crowd") / "crowd.png"
    cv2.imwrite(str(path), canvas[:, :, ::-1])
    return path


def test_many_pairs_are_decided_as_one_by_one(verifier: FaceVerifier, drawn_photos: list[Path]) -> None:
    pairs = [(drawn_photos[i], str(drawn_photos[j])) for i in range(5) for j in range(i, 5)]
    many = verifier.verify_many(pairs)
    for (a, b), result in zip(pairs, many, strict=True):
        alone = verifier.verify(a, b)
        assert isinstance(result, Verification)
        assert result.similarity == pytest.approx(alone.similarity, abs=1e-6)
        assert result.to_dict()["faces"] == alone.to_dict()["faces"]
        assert set(result.timings) == set(alone.timings)
    assert verifier.verify_many([]) == []


def test_each_photo_of_many_pairs_is_read_once(
    tiny: Path, drawn_photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = FaceVerifier(tiny, detector="mtcnn")
    read = verifier.reader.read
    seen: list[object] = []

    def counted(photo: Photo, name: str, *, color: Color) -> PhotoFaces:
        seen.append(photo)
        return read(photo, name, color=color)

    monkeypatch.setattr(verifier.reader, "read", counted)
    verifier.verify_many([(drawn_photos[0], drawn_photos[1]), (drawn_photos[1], str(drawn_photos[0]))])
    assert len(seen) == 2


def test_a_pair_without_a_decision_has_its_error(
    verifier: FaceVerifier, drawn_photos: list[Path], tmp_path: Path
) -> None:
    wall = np.full((200, 200, 3), 90, np.uint8)
    missing = tmp_path / "missing.jpg"
    results = verifier.verify_many(
        [(drawn_photos[0], missing), (wall, drawn_photos[0]), (drawn_photos[0], drawn_photos[0]), (missing, wall)]
    )
    assert [type(result) for result in results] == [ImageError, NoFaceError, Verification, ImageError]
    paths = [result.path for result in results if isinstance(result, SFaceError)]
    assert paths == [str(missing), "first photo of pair 2", str(missing)]


def test_embeddings_compare_as_the_verification_says(verifier: FaceVerifier, drawn_photos: list[Path]) -> None:
    units = verifier.embed(drawn_photos)
    assert units.shape == (5, 16)
    assert units.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-6)
    expected = verifier.verify(drawn_photos[1], drawn_photos[3]).similarity
    assert verifier.compare(units[1], units[3]) == pytest.approx(expected, abs=1e-6)
    assert verifier.compare(units[0], units[0]) == pytest.approx(1, abs=1e-6)
    assert verifier.embed([]).shape == (0, 16)
    with pytest.raises(NoFaceError):
        verifier.embed([drawn_photos[0], np.full((200, 200, 3), 90, np.uint8)])


def test_which_face_of_several(tiny: Path, drawn_photos: list[Path], crowd: Path) -> None:
    def taken(faces: str) -> Verification:
        return FaceVerifier(tiny, detector="mtcnn", faces=faces).verify(crowd, drawn_photos[2])  # type: ignore[arg-type]

    def middle(verification: Verification) -> float:
        left, _, right, _ = verification.faces[0].box
        return (left + right) / 2

    assert middle(taken("largest")) < 400
    assert 500 < middle(taken("center")) < 700
    assert middle(taken("all")) > 900  # the one of the second photo is the most similar
    assert taken("all").similarity > max(taken("largest").similarity, taken("center").similarity)
    assert "3 faces; the largest was taken" in taken("largest").notes[0]
    with pytest.raises(SeveralFacesError, match=r"crowd\.png: 3 faces were found; .* faces"):
        taken("error")
    with pytest.raises(UsageError, match="faces 'prettiest': must be one of best, largest"):
        taken("prettiest")
    with pytest.raises(UsageError, match="one embedding a photo"):
        FaceVerifier(tiny, detector="mtcnn", faces="all").embed([crowd])


def test_aligned_crops_are_taken_as_they_are(tiny: Path, drawn_photos: list[Path], verifier: FaceVerifier) -> None:
    crops = []
    for path in drawn_photos[:2]:
        image = load_image(path)
        (face,), _ = find_faces(image, load_detector("mtcnn"))
        crops.append(align_face(image, face.landmarks))
    aligned = FaceVerifier(tiny, aligned=True)
    assert (aligned.detector, aligned.aligner) == ("aligned", "aligned")
    result = aligned.verify(crops[0], crops[1])
    assert result.similarity == pytest.approx(verifier.verify(*drawn_photos[:2]).similarity, abs=1e-6)
    assert result.faces[0].box == (0, 0, 112, 112)
    assert result.faces[0].score == 1
    with pytest.raises(ImageError, match=r"not a crop of 112x112; for photos leave out aligned"):
        aligned.verify(drawn_photos[0], crops[0])
    with pytest.raises(UsageError, match="no face is looked for in aligned crops"):
        FaceVerifier(tiny, aligned=True, detector="mtcnn")


def test_mirror_images_count_half(tiny: Path, drawn_photos: list[Path]) -> None:
    image = load_image(drawn_photos[0])
    (face,), _ = find_faces(image, load_detector("mtcnn"))
    crop = align_face(image, face.landmarks)
    embedder = FaceEmbedder(tiny)
    plain, mirrored = (embedder.embed(np.ascontiguousarray(each)[None]) for each in (crop, crop[:, ::-1]))
    both = embedder.embed(crop[None], flip=True)
    mean = (plain.unit * plain.lengths + mirrored.unit * mirrored.lengths)[0] / 2
    np.testing.assert_allclose(both.unit[0] * both.lengths, mean, atol=float(1e-4 * np.linalg.norm(mean)))
    flipping = FaceVerifier(tiny, detector="mtcnn", flip=True)
    np.testing.assert_allclose(flipping.embed([drawn_photos[0]]), both.unit, atol=1e-5)
    there = flipping.verify(image, np.ascontiguousarray(image[:, ::-1])).similarity
    assert there > FaceVerifier(tiny, detector="mtcnn").verify(image, np.ascontiguousarray(image[:, ::-1])).similarity


def test_quality_is_of_the_face_that_was_taken(verifier: FaceVerifier, drawn_photos: list[Path]) -> None:
    image = load_image(drawn_photos[0])
    fields = verifier.verify(image, cv2.GaussianBlur(image, (0, 0), 2)).to_dict()
    sharp, blurred = (face["quality"] for face in fields["faces"])
    assert set(sharp) == {"sharpness", "brightness", "size", "yaw", "roll"}
    assert blurred["sharpness"] < sharp["sharpness"] / 2
    eyes = np.array(fields["faces"][0]["landmarks"][:2])
    assert sharp["size"] == pytest.approx(np.linalg.norm(eyes[1] - eyes[0]), abs=0.01)


def test_providers(tiny: Path) -> None:
    assert FaceEmbedder(tiny).provider == "CPUExecutionProvider"
    assert FaceEmbedder(tiny, providers=["cpu"]).provider == "CPUExecutionProvider"
    with pytest.raises(UsageError, match="providers tpu: must be auto, or of cpu, cuda"):
        FaceEmbedder(tiny, providers=["tpu"])
    with pytest.raises(UsageError, match="providers none"):
        FaceEmbedder(tiny, providers=[])


def test_a_provider_that_is_not_there_is_an_error_and_auto_goes_on(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    with pytest.raises(DependencyError, match=r"OpenVINOExecutionProvider is not part of the installed onnxruntime"):
        FaceEmbedder(tiny, providers=["OpenVINOExecutionProvider"])
    # onnxruntime-gpu on a machine without a GPU: CUDA is listed, and the session silently goes on with the CPU.
    open_session = onnxruntime.InferenceSession
    asked: list[list[str]] = []

    def without_gpu(model: bytes, options: object, providers: list[str]) -> object:
        asked.append(providers)
        return open_session(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", without_gpu)
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(DependencyError, match=r"CUDAExecutionProvider can't be had on this machine.*sface\[cuda\]"):
        FaceEmbedder(tiny, providers=["cuda"])
    monkeypatch.setattr("sface.model_files.onnx_session.has_nvidia_driver", lambda: True)
    assert FaceEmbedder(tiny).provider == "CPUExecutionProvider"
    assert asked == [["CUDAExecutionProvider", "CPUExecutionProvider"]] * 2
    monkeypatch.setattr("sface.model_files.onnx_session.has_nvidia_driver", lambda: False)
    FaceEmbedder(tiny)
    assert asked[2:] == [["CPUExecutionProvider"]]


def test_arrays_in_bgr(verifier: FaceVerifier, drawn_photos: list[Path]) -> None:
    """As OpenCV gives them; what says its own order keeps it."""
    a, b = drawn_photos[:2]
    bgr = np.asarray(cv2.imread(str(a)), dtype=np.uint8)
    expected = verifier.verify(a, b).similarity
    assert verifier.verify(bgr, b, color="bgr").similarity == pytest.approx(expected, abs=1e-6)
    assert abs(verifier.verify(bgr, b).similarity - expected) > 1e-3  # wrong, without a word
    (many,) = verifier.verify_many([(bgr, b.read_bytes())], color="bgr")
    assert isinstance(many, Verification) and many.similarity == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(verifier.embed([bgr, Image.open(b)], color="bgr"), verifier.embed([a, b]), atol=1e-6)
    crop = verifier.faces(a)[0].crop
    there = verifier.embedder.embed(np.ascontiguousarray(crop[None, :, :, ::-1]), color="bgr", flip=True)
    np.testing.assert_allclose(there.unit, verifier.embedder.embed(crop[None], flip=True).unit, atol=1e-6)
    for call in (lambda: verifier.verify(a, b, color="BGR"), lambda: verifier.embedder.embed(crop[None], color="BGR")):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="color 'BGR': must be 'rgb' or 'bgr'") as raised:
            call()
        assert raised.value.argument == "color"


def test_an_error_says_which_photo_it_is_of(tiny: Path, drawn_photos: list[Path], crowd: Path) -> None:
    good, wall = load_image(drawn_photos[0]), np.full((200, 200, 3), 90, np.uint8)
    verifier = FaceVerifier(tiny, detector="mtcnn", faces="error")
    calls: list[tuple[Photo, Photo, type[SFaceError], str]] = [
        (wall, good, NoFaceError, "first photo"),
        (good, wall, NoFaceError, "second photo"),
        (good, b"junk", ImageError, "second photo"),
        (good, wall.astype(np.float32), ImageError, "second photo"),
        (good, load_image(crowd), SeveralFacesError, "second photo"),
        (good, crowd, SeveralFacesError, str(crowd)),
        (good, None, UsageError, "second photo"),  # type: ignore[list-item]
    ]
    for a, b, kind, path in calls:
        with pytest.raises(kind) as raised:
            verifier.verify(a, b)
        assert (type(raised.value), raised.value.path) == (kind, path)
        assert str(raised.value).startswith(f"{path}: ")
    with pytest.raises(NoFaceError) as raised:
        verifier.embed([good, wall])
    assert raised.value.path == "photo 2"
