"""Drawn faces: the same bytes always, found by the detectors, people whom colours don't give away but shapes do."""

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align import align_face, find_faces, load_detector
from sface.datasets.synthetic.faces import Drawn, draw_face
from sface.datasets.synthetic.people import Person, Pose, draw_person
from sface.errors import NoFaceError

SEED, PEOPLE, PHOTOS = 2, 30, 4


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    """Four pictures each of thirty people."""
    return [draw_face(SEED, person, photo) for person in range(PEOPLE) for photo in range(PHOTOS)]


def digest(seed: int, person: int, photo: int) -> str:
    return sha256(draw_face(seed, person, photo).image.tobytes()).hexdigest()


def test_the_same_numbers_give_the_same_bytes() -> None:
    numbers = [(3, person, photo) for person in range(3) for photo in range(2)]
    forwards = [digest(*each) for each in numbers]
    np.random.seed(5)  # noqa: NPY002 (nobody's random state may matter)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    backwards = [digest(*each) for each in reversed(numbers)]
    cv2.setNumThreads(threads)
    assert backwards[::-1] == forwards
    assert len(set(forwards)) == len(forwards)


def test_another_process_draws_the_same_and_needs_no_jittor() -> None:
    code = (
        "import sys, hashlib; from sface.datasets.synthetic.faces import draw_face;"
        "print(hashlib.sha256(draw_face(3, 1, 1).image.tobytes()).hexdigest(), 'jittor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(3, 1, 1), "False"]


def test_each_number_matters() -> None:
    """Also at the end and with zeros, where seeds made of several numbers are easily the same."""
    numbers = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**32 - 1, 0, 0)]
    assert len({digest(*each) for each in numbers}) == len(numbers)
    people = [draw_person(seed, person) for seed, person in ((0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (2, 0))]
    assert len({person.cheek_width for person in people}) == len(people)
    assert draw_person(1, 2) == draw_person(1, 2)


@pytest.mark.parametrize("size", [96, 224, 401])
def test_pictures_and_landmarks_of_any_size(size: int) -> None:
    one = draw_face(1, 2, 3, size)
    assert one.image.shape == (size, size, 3) and one.image.dtype == np.uint8
    assert one.landmarks.shape == (5, 2) and one.landmarks.dtype == np.float32
    # The same picture, drawn larger.
    np.testing.assert_allclose(one.landmarks / size, draw_face(1, 2, 3, 224).landmarks / 224, atol=1e-5)
    left_eye, right_eye, nose, left_corner, right_corner = one.landmarks
    assert left_eye[0] < right_eye[0] and left_corner[0] < right_corner[0]
    assert left_eye[1] < nose[1] < left_corner[1]


def test_people_are_within_nature() -> None:
    people = [draw_person(1, person) for person in range(300)]
    for one in people:
        assert one.nose_y < one.mouth_y - one.upper_lip and one.mouth_y + one.lower_lip < one.chin_y
        assert one.eye_width < one.eye_x - 0.1 and one.eye_x + one.eye_width < one.cheek_width
        assert sum(one.hair) < sum(one.skin)
    brightness = np.array([sum(one.skin) / 3 for one in people])
    assert brightness.min() < 80 and brightness.max() > 200
    assert {one.hair_style for one in people} == {"bald", "short", "parted", "fringe", "long", "volume"}
    assert 0.15 < np.mean([one.beard > 0 for one in people]) < 0.4


def test_pose() -> None:
    points = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    ahead = Pose(yaw=0, pitch=0, roll=0, scale=10, x=100, y=200)
    np.testing.assert_allclose(ahead.project(points), [[105, 200], [100, 205], [100, 200]])
    np.testing.assert_allclose(
        replace(ahead, roll=np.pi / 2).project(points), [[100, 205], [95, 200], [100, 200]], atol=1e-9
    )
    # What stands out moves to where the head turns.
    np.testing.assert_allclose(replace(ahead, yaw=np.pi / 6).project(points)[2], [105, 200])
    np.testing.assert_allclose(replace(ahead, pitch=np.pi / 6).project(points)[2], [100, 205])


@pytest.mark.parametrize("name", ["mtcnn", "yunet"])
def test_detectors_find_the_faces_where_they_are(name: str, drawn: list[Drawn], request: pytest.FixtureRequest) -> None:
    file = name
    if name == "yunet":
        file = str(request.getfixturevalue("shared") / "models" / "face_detection_yunet_2026may.onnx")
    detector = load_detector(file)
    errors = []
    for one in drawn:
        try:
            (face,), _ = find_faces(one.image, detector)
        except NoFaceError:
            continue
        between_eyes = np.linalg.norm(one.landmarks[1] - one.landmarks[0])
        errors.append(np.linalg.norm(face.landmarks - one.landmarks, axis=1).mean() / between_eyes)
    assert len(errors) >= 0.95 * len(drawn)
    assert np.median(errors) < 0.12
    assert np.mean(np.array(errors) < 0.5) > 0.97


def cut(drawn: list[Drawn]) -> NDArray[np.uint8]:
    return np.stack([align_face(one.image, one.landmarks) for one in drawn])


def accuracy(features: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The share of all pairs that cosine similarity gets right at its best threshold, both kinds counting equally."""
    features = features.reshape(len(features), -1).astype(np.float64)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    first, second = np.triu_indices(len(features), 1)
    scores = (features @ features.T)[first, second]
    same = labels[first] == labels[second]
    genuine, impostor = np.sort(scores[same]), np.sort(scores[~same])
    accepted = 1 - np.searchsorted(genuine, scores) / len(genuine)
    rejected = np.searchsorted(impostor, scores) / len(impostor)
    return float((accepted + rejected).max() / 2)


def raw_accuracies(crops: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[float]:
    """Of raw pixels, of pixels about the middle of their range, about the crop's mean, and of a blurred colour map."""
    pixels = crops.astype(np.float64)
    colours = np.stack([cv2.resize(crop, (4, 4), interpolation=cv2.INTER_AREA) for crop in crops])
    centred = pixels - pixels.mean((1, 2, 3), keepdims=True)
    return [accuracy(each, labels) for each in (pixels, pixels - 127.5, centred, colours.astype(np.float64))]


def small(crops: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Grey, 28 x 28, of mean 0 and deviation 1."""
    grey = crops.mean(-1).reshape(len(crops), 28, 4, 28, 4).mean((2, 4)).reshape(len(crops), -1)
    return np.asarray((grey - grey.mean(1, keepdims=True)) / grey.std(1, keepdims=True))


@pytest.mark.slow
def test_colours_give_nobody_away_and_shapes_can_be_learned(drawn: list[Drawn]) -> None:
    """On people that were not trained on, what a linear method learned is far above raw pixels."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    crops, labels = cut(drawn), np.repeat(np.arange(PEOPLE), PHOTOS)
    raw = raw_accuracies(crops, labels)
    assert max(raw) <= 0.75
    others = cut([draw_face(SEED + 1, person, photo) for person in range(30) for photo in range(8)])
    pca = PCA(80, random_state=0).fit(small(others))
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
    lda.fit(pca.transform(small(others)), np.repeat(np.arange(30), 8))
    assert accuracy(lda.transform(pca.transform(small(crops))), labels) >= max(raw) + 0.10


def test_a_person_is_frozen() -> None:
    person: Person = draw_person(0, 0)
    with pytest.raises(AttributeError):
        person.chin_y = 2.0  # type: ignore[misc]
