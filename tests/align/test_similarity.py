"""The closed form is scikit-image's estimate, to rounding; which one is used is the caller's choice alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from sface.align.crop import TEMPLATE, align_face
from sface.align.similarity import Points, fit_similarity
from sface.errors import UsageError

TARGET = TEMPLATE.astype(np.float64)


def assert_equal_fits(points: Points, scale: float) -> None:
    """scale: of the points; the matrix's first columns are its inverse."""
    closed, expected = fit_similarity(points, TARGET, "closed-form"), SimilarityTransform.from_estimate(points, TARGET)
    assert closed is not None
    np.testing.assert_allclose(closed[:, :2] * scale, expected.params[:2, :2] * scale, atol=1e-9)
    np.testing.assert_allclose(closed[:, 2], expected.params[:2, 2], atol=1e-6)
    fitted = fit_similarity(points, TARGET, "scikit-image")
    assert fitted is not None
    np.testing.assert_array_equal(fitted, expected.params[:2])


@given(st.integers(0, 2**32 - 1), st.floats(-3, 5), st.floats(0, 300))
def test_equals_scikit_images(seed: int, log_scale: float, noise: float) -> None:
    generator = np.random.default_rng(seed)
    angle, scale = generator.uniform(0, 2 * np.pi), 10**log_scale
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TARGET + generator.normal(0, noise, (5, 2))) @ turn.T + generator.uniform(-500, 500, 2)) * scale
    assert_equal_fits(points, scale)


def test_equal_on_all_marked_photos(shared: Path) -> None:
    """The landmarks of every LFW photo that has some, and the crops that both give."""
    from .marked_photos import lfw

    count = 0
    for image, _, points in lfw(shared, 1):
        assert_equal_fits(points, float(np.linalg.norm(points[1] - points[0]) / np.linalg.norm(TARGET[1] - TARGET[0])))
        landmarks = points.astype(np.float32)
        closed, expected = align_face(image, landmarks), align_face(image, landmarks, fit="scikit-image")
        np.testing.assert_array_equal(closed, expected)
        count += 1
    assert count > 300


def test_points_that_are_all_the_same() -> None:
    same = np.full((5, 2), 3.0)
    assert fit_similarity(same, TARGET, "closed-form") is None
    assert fit_similarity(same, TARGET, "scikit-image") is None


def test_an_unknown_fit() -> None:
    with pytest.raises(UsageError, match="fit 'best': must be one of scikit-image, closed-form"):
        align_face(np.zeros((112, 112, 3), np.uint8), TEMPLATE, fit="best")  # type: ignore[arg-type]


@pytest.mark.parametrize(("fit", "other"), [("closed-form", "_scikit_image"), ("scikit-image", "_closed_form")])
def test_what_happens_to_be_loaded_makes_no_difference(fit: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-image is loaded here."""
    monkeypatch.delattr(f"sface.align.similarity.{other}")
    assert fit_similarity(TARGET * 2, TARGET, fit) is not None  # type: ignore[arg-type]


def test_the_closed_form_loads_nothing() -> None:
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from sface.align import TEMPLATE, align_face\n"
        "image = np.zeros((112, 112, 3), np.uint8)\n"
        "align_face(image, TEMPLATE)\n"
        "assert 'skimage' not in sys.modules\n"
        "align_face(image, TEMPLATE, fit='scikit-image')\n"
        "assert 'skimage.transform' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
