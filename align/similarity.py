"""The similarity transform (turn, scale, shift) that brings points nearest to others: scikit-image's, or our own equal.

Loading scikit-image takes longer than all that a single verification does. So it is used where it has been loaded, and
until then the transform is computed here; both are equal to rounding (tests/align/test_similarity.py).
"""

import sys

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def load_scikit_image() -> None:
    """Load it, for work on many photos."""
    import skimage.transform  # noqa: F401


def fit_similarity(points: Points, target: Points) -> NDArray[np.float64] | None:
    """The matrix (2, 3) of the similarity transform with the least squared error from points (N, 2) to target (N, 2).

    None where there is none: all points are the same. The method is that of Umeyama (IEEE TPAMI 1991).
    """
    scikit_image = sys.modules.get("skimage.transform")
    if scikit_image is None:
        return _fit(points, target)
    transform = scikit_image.SimilarityTransform.from_estimate(points, target)
    return np.array(transform.params[:2]) if transform else None


def _fit(points: Points, target: Points) -> NDArray[np.float64] | None:
    # As complex numbers a turn and a scale are one factor, and its least-squares estimate is a quotient.
    z, w = points @ [1, 1j], target @ [1, 1j]
    z_mean, w_mean = z.mean(), w.mean()
    z, w = z - z_mean, w - w_mean
    spread = np.vdot(z, z).real
    if spread == 0:
        return None
    factor = np.vdot(z, w) / spread
    shift = w_mean - factor * z_mean
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
