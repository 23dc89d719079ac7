"""Which face of several is taken."""

import numpy as np
import pytest

from sface.align.face import Face, choose_face
from sface.errors import NoFaceError


def face(left: float, top: float, side: float, score: float = 0.9) -> Face:
    return Face((left, top, left + side, top + side), np.zeros((5, 2), np.float32), score)


def test_the_face_in_the_middle_before_an_equal_one_at_the_edge() -> None:
    middle, edge = face(75, 75, 100), face(150, 75, 100)
    assert choose_face([edge, middle], (250, 250, 3)) is middle


def test_a_large_face_off_the_centre_before_a_small_one_in_it() -> None:
    portrait, passer_by = face(300, 200, 300), face(490, 390, 40, 0.99)
    assert choose_face([passer_by, portrait], (800, 1000, 3)) is portrait


def test_a_doubtful_face_does_not_win_by_a_little_size() -> None:
    certain, doubtful = face(80, 80, 90, 0.99), face(70, 70, 110, 0.6)
    assert choose_face([certain, doubtful], (250, 250, 3)) is certain


def test_no_face_is_an_error() -> None:
    with pytest.raises(NoFaceError):
        choose_face([], (250, 250, 3))
