"""Five landmarks → the crop that a network sees: one similarity transform, the same template for every face."""

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .cut import cut_square
from .similarity import Fit, fit_similarity

CROP_SIZE = 112
# x, y in pixels of a crop of 112: image-left eye, image-right eye, nose, image-left and image-right mouth corner.
# The places to which the ArcFace training sets were aligned (Deng et al., CVPR 2019, arXiv:1801.07698).
TEMPLATE: NDArray[np.float32] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)
TEMPLATE.setflags(write=False)


def align_face(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], size: int = CROP_SIZE, *, fit: Fit = "closed-form"
) -> NDArray[np.uint8]:
    """Cut a face out so that its landmarks lie on the template: uint8 (size, size, 3) RGB.

    image      uint8 (H, W, 3) RGB, upright
    landmarks  (5, 2), x and y in pixels of the image, in the template's order
    size       side of the crop in pixels; the template grows with it
    fit        what computes the transform, equal to rounding: "closed-form", or "scikit-image" (its import takes 0.2 s)

    The similarity transform (rotation, scale, shift) with the least squared error is taken (Umeyama, IEEE TPAMI
    1991); what lies beyond the photo is black. Raises ImageError where no such transform exists: landmarks that are
    all the same point or not numbers. Raises UsageError for an unknown `fit`.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    usable = points.shape == TEMPLATE.shape and np.isfinite(points).all() and 1e-3 < np.ptp(points, axis=0).max() < 1e6
    fitted = fit_similarity(points, TEMPLATE.astype(np.float64) * (size / CROP_SIZE), fit) if usable else None
    scale = 0.0 if fitted is None else float(np.hypot(fitted[0, 0], fitted[1, 0]))
    if fitted is None or scale == 0:
        raise ImageError(f"a face can't be aligned by the landmarks {points.tolist()}")
    # Where the face is larger than the crop, single pixels would be picked out of it. So it is sampled at up to 1.5 of
    # the photo's pixels, each sample between four of them, and averaged.
    samples = max(1, min(math.ceil(1 / scale / 1.5), max(image.shape[:2]) // size))
    try:
        return cut_square(image, fitted, size, samples)
    except ValueError as error:
        raise ImageError(f"a face can't be cut out by the landmarks {points.tolist()}: {error}") from None
