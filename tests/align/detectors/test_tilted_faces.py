"""Both detectors on photos: tilted heads have the points of upright ones, and one face one crop; what it costs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align.choice import FaceChoice
from sface.align.detectors.close_look import CLOSE_LOOK
from sface.align.detectors.detector import Detector, load_detector
from sface.align.detectors.face import Face
from sface.align.detectors.find import find_faces
from sface.datasets.synthetic.faces import draw_face
from sface.errors import NoFaceError

from ..marked_photos import lfw, point_error, turned


@pytest.fixture(scope="module", params=["mtcnn", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "mtcnn":
        return load_detector("mtcnn", threads=1)
    path: Path = request.getfixturevalue("shared") / "models" / "face_detection_yunet_2026may.onnx"
    return load_detector(path, threads=1)


class Counting:
    """A detector that remembers what it searched."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.searched = detector, []  # type: Detector, list[NDArray[np.uint8]]
        self.name, self.aligner, self.certain_score = detector.name, detector.aligner, detector.certain_score

    def detect(self, image: NDArray[np.uint8], smallest: float = 20) -> list[Face]:
        self.searched.append(image)
        return self.detector.detect(image, smallest)

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        return self.detector.refine(image, face)


def test_what_decides_on_the_landmarks_has_a_name(detector: Detector) -> None:
    assert detector.aligner == f"{detector.name}+{CLOSE_LOOK}"


def test_an_upright_face_costs_no_turned_copy(detector: Detector, shared: Path) -> None:
    for image, _, _ in lfw(shared, 13):
        counting = Counting(detector)
        (face,), _ = find_faces(image, counting)
        assert all(searched is image for searched in counting.searched)
        assert detector.certain_score <= face.score <= 1


@pytest.mark.parametrize("degrees", [45, -60])
def test_a_tilted_head_has_the_points_of_the_upright_one(detector: Detector, shared: Path, degrees: float) -> None:
    gaps, errors = [], []
    for image, _, points in lfw(shared, 20):
        (upright,), _ = find_faces(image, detector)
        tilted, marked = turned(image, points, degrees)
        (face,), _ = find_faces(tilted, detector)
        _, expected = turned(image, upright.landmarks, degrees)
        gaps.append(point_error(face.landmarks, expected))
        errors.append(point_error(face.landmarks, marked))
    assert np.mean(gaps) <= 0.03
    assert max(gaps) <= 0.1
    assert np.mean(errors) <= 0.042


@pytest.mark.parametrize("degrees", [45, -60])
def test_drawn_faces(degrees: float) -> None:
    detector, errors = load_detector("mtcnn", threads=1), []
    for person in range(8):
        drawn = draw_face(7, person, 0)
        tilted, points = turned(drawn.image, drawn.landmarks, degrees)
        (face,), _ = find_faces(tilted, detector)
        errors.append(point_error(face.landmarks, points))
    assert np.mean(errors) <= 0.09


def beside(large: NDArray[np.uint8], small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo of 750 x 750 of a person, and of a smaller one at its right lower corner."""
    scene = cv2.resize(large, (750, 750), interpolation=cv2.INTER_CUBIC)
    scene[500:, 500:] = small
    return np.asarray(scene)


def test_the_most_prominent_person_of_a_tilted_photo(detector: Detector, shared: Path) -> None:
    """Everybody in it is tilted."""
    people = list(lfw(shared, 33))
    for (large, _, points), (small, _, _) in zip(people[:6], people[6:], strict=False):
        image, marked = turned(beside(large, small), points * 3 + 1, 45)
        for faces in ("best", "largest", "center"):
            (face,), _ = find_faces(image, detector, faces)
            assert point_error(face.landmarks, marked) <= 0.1


@pytest.mark.parametrize("faces", ["all", "center", "error"])
def test_where_only_a_turned_copy_shows_the_face(detector: Detector, shared: Path, faces: FaceChoice) -> None:
    tried = 0
    for image, _, points in lfw(shared, 26):
        tilted, marked = turned(image, points, 70)
        if not detector.detect(tilted):
            tried += 1
            (face,), seen = find_faces(tilted, detector, faces)
            assert seen == 1
            assert point_error(face.landmarks, marked) <= 0.1
    assert tried >= 3


@pytest.mark.parametrize("size", [1, 2])
def test_one_face_has_one_crop_whatever_way_it_was_chosen(detector: Detector, shared: Path, size: int) -> None:
    people = [cv2.copyMakeBorder(image, 25, 25, 25, 25, cv2.BORDER_CONSTANT) for image, _, _ in lfw(shared, 33)]
    for four in (people[0:4], people[4:8]):
        image = np.concatenate([np.concatenate(four[:2], axis=1), np.concatenate(four[2:], axis=1)])
        image = cv2.resize(image, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        everybody, _ = find_faces(image, detector, "all")
        assert len(everybody) >= 4
        for faces in ("best", "largest", "center"):
            (one,), _ = find_faces(image, detector, faces)
            gap = min(point_error(other.landmarks, one.landmarks) for other in everybody)
            assert gap <= 0.02


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (5000, 20), (3, 40_000)])
def test_thin_photos_without_a_face_have_none(detector: Detector, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with pytest.raises(NoFaceError):
        find_faces(image, detector)
