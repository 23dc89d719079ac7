"""The similarity transform (rotation, scale, shift) that brings points nearest to others.

Two implementations, equal to rounding (tests/align/test_similarity.py). The caller says which:

    "scikit-image"  for what makes training sets, evaluations and galleries, so that the aligner is a known one
    "closed-form"   for a single verification, which can't wait for the import of scikit-image (0.2 s)

Both give the least squared error, by the method of Umeyama (IEEE TPAMI 1991).
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

Fit = Literal["scikit-image", "closed-form"]
Points = NDArray[np.float64]


def fit_similarity(points: Points, target: Points, fit: Fit) -> NDArray[np.float64] | None:
    """The matrix (2, 3) of the transform from points (N, 2) to target (N, 2); None where there is none: all points are
    the same. Raises UsageError for an unknown `fit`.
    """
    if fit == "closed-form":
        return _closed_form(points, target)
    if fit == "scikit-image":
        return _scikit_image(points, target)
    raise UsageError(f"fit {fit!r}: must be one of {', '.join(get_args(Fit))}", argument="fit")


def _scikit_image(points: Points, target: Points) -> NDArray[np.float64] | None:
    from skimage.transform import SimilarityTransform

    transform = SimilarityTransform.from_estimate(points, target)
    return np.array(transform.params[:2]) if transform else None


def _closed_form(points: Points, target: Points) -> NDArray[np.float64] | None:
    # As complex numbers a rotation and a scale are one factor, and its least-squares estimate is a quotient.
    z, w = points @ [1, 1j], target @ [1, 1j]
    z_mean, w_mean = z.mean(), w.mean()
    z, w = z - z_mean, w - w_mean
    spread = np.vdot(z, z).real
    if spread == 0:
        return None
    factor = np.vdot(z, w) / spread
    shift = w_mean - factor * z_mean
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
