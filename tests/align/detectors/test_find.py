"""Which of a photo's faces are taken, when small ones and turned copies are looked at, and the close look."""

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.align.detectors.face import Face
from sface.align.detectors.find import find_faces
from sface.errors import NoFaceError, SeveralFacesError, UsageError

CHOICES = ["best", "largest", "center", "all", "error"]


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


@pytest.mark.parametrize("faces", CHOICES)
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


class Looks(Sees):
    """A detector that sees the given faces in the photo, others in its turned copies (in pixels of the copy, 45 degrees
    and -45), and whose close look has the given certainty of a face with a score. `copies` counts the copies."""

    certain_score = 0.9

    def __init__(self, image: NDArray[np.uint8], faces: list[Face], *copies: list[Face], certainty: dict[float, float]):
        super().__init__(*faces)
        self.image, self.in_copies, self.certainty, self.copies = image, copies, certainty, 0

    def detect(self, image: NDArray[np.uint8], smallest: float = 20) -> list[Face]:
        if image is self.image:
            return super().detect(image, smallest)
        self.copies += 1
        self.smallest = smallest
        return self.in_copies[self.copies - 1] if self.copies <= len(self.in_copies) else []

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        return dataclasses.replace(super().refine(image, face), certainty=self.certainty[face.score])


def middle(face: Face) -> tuple[float, float]:
    return (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2


@pytest.mark.parametrize("faces", CHOICES)
def test_a_certain_face_costs_no_turned_copy(faces: str) -> None:
    image = photo(250, 250)
    detector = Looks(image, [face(75, 75, 100, 0.95)], certainty={0.95: 0.99})
    assert find_faces(image, detector, faces)[1] == 1  # type: ignore[arg-type]
    assert detector.copies == 0


@pytest.mark.parametrize(("score", "certainty"), [(0.95, 0.9), (0.8, 0.99), (0.8, 0.1)])
@pytest.mark.parametrize("faces", CHOICES)
def test_a_doubtful_face_costs_two_and_stays_where_they_show_none(faces: str, score: float, certainty: float) -> None:
    image = photo(250, 250)
    one = face(75, 75, 100, score)
    detector = Looks(image, [one], certainty={score: certainty})
    taken, seen = find_faces(image, detector, faces)  # type: ignore[arg-type]
    assert ([face.box for face in taken], seen) == ([one.box], 1)
    assert detector.copies == 2
    assert detector.smallest == pytest.approx(250 / 8)


def test_faces_in_plenty_cost_no_turned_copy() -> None:
    image = photo(250, 250)
    detector = Looks(image, [face(75, 75, 100, 0.5), face(10, 10, 50, 0.5)], certainty={0.5: 0.1})
    assert find_faces(image, detector, "all")[1] == 2
    assert detector.copies == 0


@pytest.mark.parametrize("faces", CHOICES)
@pytest.mark.parametrize("side", [0, 1])
def test_what_only_a_turned_copy_shows(faces: str, side: int) -> None:
    """A photo of 800 x 800 is reduced to 640, and the copy's middle is its own: 905 / 2."""
    image = photo(800, 800)
    tilted = face(905 / 2 + 200 - 50, 905 / 2 - 50, 100, 0.95)  # 200 to the right of the middle
    copies: list[list[Face]] = [[], []]
    copies[side] = [tilted]
    detector = Looks(image, [], *copies, certainty={0.95: 0.99})
    (taken,), seen = find_faces(image, detector, faces)  # type: ignore[arg-type]
    along = 200 / np.sqrt(2) * 800 / 640
    assert middle(taken) == pytest.approx((400 + along, 400 - along if side == 0 else 400 + along), abs=1)
    assert taken.box[2] - taken.box[0] == pytest.approx(125)
    assert seen == 1
    assert detector.smallest == pytest.approx(80)


@pytest.mark.parametrize("faces", CHOICES)
def test_what_is_doubtful_in_a_turned_copy_is_no_face(faces: str) -> None:
    image = photo(250, 250)
    detector = Looks(image, [], [face(100, 100, 100, 0.95)], certainty={0.95: 0.9})
    with pytest.raises(NoFaceError):
        find_faces(image, detector, faces)  # type: ignore[arg-type]
    detector = Looks(image, [face(75, 75, 100, 0.7)], [face(100, 100, 140, 0.95)], certainty={0.7: 0.3, 0.95: 0.9})
    (taken,), _ = find_faces(image, detector, faces)  # type: ignore[arg-type]
    assert taken.score == 0.7


def test_a_certain_face_of_a_turned_copy_before_a_doubtful_larger_one() -> None:
    image = photo(250, 250)
    detector = Looks(image, [face(50, 50, 150, 0.89)], [face(140, 140, 80, 0.7)], certainty={0.89: 0.3, 0.7: 0.96})
    (taken,), _ = find_faces(image, detector)
    assert taken.score == 0.7


def test_of_two_certain_ones_the_more_upright_copy_shows() -> None:
    """The same face in the photo and in both copies."""
    image, middle_of_copy = photo(250, 250), 354 / 2 - 50
    copies = [[face(middle_of_copy, middle_of_copy, 100, score)] for score in (0.7, 0.92)]
    detector = Looks(image, [face(75, 75, 100, 0.8)], *copies, certainty={0.7: 0.99, 0.8: 0.99, 0.92: 0.99})
    (taken,), _ = find_faces(image, detector)
    assert taken.score == 0.92


def test_the_one_in_the_centre_stays_before_a_larger_one_of_a_turned_copy() -> None:
    image = photo(800, 800)
    child, portrait = face(390, 390, 30, 0.8), face(200, 400, 250, 0.95)
    detector = Looks(image, [child], [portrait], certainty={0.8: 0.99, 0.95: 0.99})
    assert find_faces(image, detector, "center")[0][0].score == 0.8
    detector = Looks(image, [child], [portrait], certainty={0.8: 0.99, 0.95: 0.99})
    assert find_faces(image, detector, "best")[0][0].score == 0.95


def test_all_of_a_turned_copy_are_taken_and_counted() -> None:
    image = photo(800, 800)
    people = [face(300, 400, 100, 0.95), face(500, 400, 100, 0.94), face(700, 400, 100, 0.93)]
    certainty = {0.95: 0.99, 0.94: 0.2, 0.93: 0.98}
    taken, seen = find_faces(image, Looks(image, [], people, certainty=certainty), "all")
    assert ([one.score for one in taken], seen) == ([0.95, 0.93], 2)
    with pytest.raises(SeveralFacesError, match="2 faces"):
        find_faces(image, Looks(image, [], people, certainty=certainty), "error")
    # Alone beside what is no face.
    assert find_faces(image, Looks(image, [], people[:2], certainty=certainty), "error")[1] == 1
    # The one in the middle is doubtful.
    (taken_one,), seen = find_faces(image, Looks(image, [], people, certainty=certainty), "best")
    assert (taken_one.score, seen) == (0.95, 2)


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
