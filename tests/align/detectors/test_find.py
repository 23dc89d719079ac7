"""Which of a photo's faces are taken, when small ones are looked for, and the second look."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align.detectors.face import Face
from sface.align.detectors.find import find_faces
from sface.errors import NoFaceError, SeveralFacesError, UsageError


def face(left: float, top: float, side: float, score: float = 0.9) -> Face:
    return Face((left, top, left + side, top + side), np.zeros((5, 2), np.float32), score)


class Sees:
    """A detector that sees the given faces, where they are large enough, and remembers what it was asked."""

    name = aligner = "sees"
    certain_score = 0.0

    def __init__(self, *faces: Face) -> None:
        self.faces, self.asked, self.refined = faces, [], []  # type: tuple[Face, ...], list[float], list[Face]

    def detect(self, image: NDArray[np.uint8], smallest: float = 20) -> list[Face]:
        self.asked.append(smallest)
        return [face for face in self.faces if face.box[2] - face.box[0] >= smallest]

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        self.refined.append(face)
        return face


def photo(height: int, width: int) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


def test_the_face_in_the_middle_before_an_equal_one_at_the_edge() -> None:
    middle, edge = face(75, 75, 100), face(150, 75, 100)
    assert find_faces(photo(250, 250), Sees(edge, middle)) == ([middle], 2)


def test_a_large_face_off_the_centre_before_a_small_one_in_it() -> None:
    portrait, passer_by = face(300, 200, 300), face(490, 390, 130, 0.99)
    assert find_faces(photo(800, 1000), Sees(passer_by, portrait)) == ([portrait], 2)


def test_a_doubtful_face_does_not_win_by_a_little_size() -> None:
    certain, doubtful = face(80, 80, 90, 0.99), face(70, 70, 110, 0.6)
    assert find_faces(photo(250, 250), Sees(certain, doubtful))[0] == [certain]
    assert find_faces(photo(250, 250), Sees(certain, doubtful), "largest")[0] == [doubtful]


def test_the_nearest_to_the_centre_may_be_a_small_one() -> None:
    portrait, child = face(100, 200, 300), face(480, 380, 40)
    assert find_faces(photo(800, 1000), Sees(portrait, child), "center") == ([child], 2)


def test_all_and_the_only_one() -> None:
    one, small = face(300, 200, 300), face(20, 20, 25)
    assert find_faces(photo(800, 1000), Sees(one, small), "all") == ([one, small], 2)
    assert find_faces(photo(800, 1000), Sees(one), "error") == ([one], 1)
    with pytest.raises(SeveralFacesError, match="2 faces"):
        find_faces(photo(800, 1000), Sees(one, small), "error")


@pytest.mark.parametrize("faces", ["best", "largest", "center", "all", "error"])
def test_no_face_is_an_error(faces: str) -> None:
    with pytest.raises(NoFaceError):
        find_faces(photo(250, 250), Sees(), faces)  # type: ignore[arg-type]


def test_an_unknown_choice_is_an_error() -> None:
    with pytest.raises(UsageError, match="faces 'nicest': must be one of best, largest, center, all, error"):
        find_faces(photo(250, 250), Sees(), faces="nicest")  # type: ignore[arg-type]


def test_small_faces_are_looked_for_only_where_one_could_be_taken() -> None:
    portrait = Sees(face(300, 200, 300))
    find_faces(photo(800, 1000), portrait)
    assert portrait.asked == [125]
    # A large face in the corner, and a smaller one in the middle that a look for large ones doesn't show.
    corner, middle = face(840, 640, 160), face(440, 340, 120)
    crowd = Sees(corner, middle)
    assert find_faces(photo(800, 1000), crowd) == ([middle], 2)
    assert crowd.asked == [125, 20]
    for faces in ("center", "all", "error"):
        exact = Sees(face(300, 200, 300))
        find_faces(photo(800, 1000), exact, faces)
        assert exact.asked == [20]


def test_only_what_is_taken_is_looked_at_again() -> None:
    one, two = face(300, 200, 300), face(20, 20, 200)
    detector = Sees(one, two)
    find_faces(photo(800, 1000), detector)
    assert detector.refined == [one]
    find_faces(photo(800, 1000), detector, "all")
    assert detector.refined == [one, one, two]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mtcnn", "yunet"])
def test_faces_of_20_pixels_in_a_photo_of_1920(name: str, request: pytest.FixtureRequest) -> None:
    from sface.align import load_detector

    from ..marked_photos import lfw

    shared = request.getfixturevalue("shared")
    detector = load_detector(name if name == "mtcnn" else shared / "models" / "face_detection_yunet_2026may.onnx")
    rng = np.random.default_rng(5)
    found = 0
    for image, box, _ in lfw(shared, 40):
        scale = 20 / np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scene = cv2.GaussianBlur(rng.integers(0, 255, (1080, 1920, 3), np.uint8), (0, 0), 9)
        y, x = int(rng.integers(0, 1080 - len(small))), int(rng.integers(0, 1920 - len(small)))
        scene[y : y + len(small), x : x + len(small)] = small
        faces, _ = find_faces(scene, detector, "all")
        middles = [(np.array(face.box[:2]) + face.box[2:]) / 2 for face in faces]
        inside = (box * scale + [x, y, x, y]).reshape(2, 2)
        found += any((inside[0] < middle).all() and (middle < inside[1]).all() for middle in middles)
    assert found >= 9  # of 10
