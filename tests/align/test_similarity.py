"""The transform by hand is scikit-image's."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from sface.align.crop import TEMPLATE
from sface.align.similarity import _fit, fit_similarity

TARGET = TEMPLATE.astype(np.float64)


@given(st.integers(0, 2**32 - 1), st.floats(-3, 5), st.floats(0, 300))
def test_equals_scikit_images(seed: int, log_scale: float, noise: float) -> None:
    generator = np.random.default_rng(seed)
    angle, scale = generator.uniform(0, 2 * np.pi), 10**log_scale
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TARGET + generator.normal(0, noise, (5, 2))) @ turn.T + generator.uniform(-500, 500, 2)) * scale
    by_hand, expected = _fit(points, TARGET), SimilarityTransform.from_estimate(points, TARGET)
    assert by_hand is not None
    np.testing.assert_allclose(by_hand[:, :2] * scale, expected.params[:2, :2] * scale, atol=1e-9)
    np.testing.assert_allclose(by_hand[:, 2], expected.params[:2, 2], atol=1e-6)
    fitted = fit_similarity(points, TARGET)
    assert fitted is not None
    np.testing.assert_array_equal(fitted, expected.params[:2])


def test_points_that_are_all_the_same() -> None:
    same = np.full((5, 2), 3.0)
    assert _fit(same, TARGET) is None
    assert fit_similarity(same, TARGET) is None


@pytest.mark.parametrize("loaded", [True, False])
def test_scikit_image_is_used_where_it_is_loaded_and_is_never_loaded_by_itself(loaded: bool) -> None:
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from sface.align import similarity\n"
        f"if {loaded}: similarity.load_scikit_image()\n"
        "by_hand = []\n"
        "similarity._fit = lambda points, target: by_hand.append(1)\n"
        "similarity.fit_similarity(np.eye(2), np.eye(2))\n"
        f"assert bool(by_hand) != {loaded} == ('skimage.transform' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
