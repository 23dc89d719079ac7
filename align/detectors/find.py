"""Photo → the faces that it is of, with exact landmarks: a fast look for large faces, a thorough one where it must be,
and the detector's second look at those that are taken."""

import numpy as np
from numpy.typing import NDArray

from ...errors import NoFaceError, SeveralFacesError, UsageError
from ..choice import FACE_CHOICES, FaceChoice
from .detector import Detector
from .face import Face, off_centre, prominence, size

# A face of an eighth of the photo's longer side is large: a fast look finds all of them.
LARGE = 1 / 8


def find_faces(image: NDArray[np.uint8], detector: Detector, faces: FaceChoice = "best") -> tuple[list[Face], int]:
    """The faces that are taken from an image, the best first, and the number of faces that were seen in it.

    image  uint8 (H, W, 3) RGB, upright; `load_image` makes one of a BGR array
    faces  "best": the one that is large, near the centre and certain; "largest"; "center": the one nearest to it;
           "all"; "error": the only one

    Small faces are looked for where no large one is, or where they matter ("center", "all", "error").
    Raises NoFaceError where no face was found, SeveralFacesError where "error" finds more than one, UsageError for
    unknown `faces`.
    """
    if faces not in FACE_CHOICES:
        raise UsageError(f"faces {faces!r}: must be one of {', '.join(FACE_CHOICES)}", argument="faces")
    large = LARGE * max(image.shape[:2])
    if faces in ("best", "largest"):
        weight = size if faces == "largest" else lambda face: prominence(face, image.shape)
        seen = detector.detect(image, large)
        taken = max(seen, key=weight, default=None)
        # A face too small for this look would have less weight than `large`.
        if taken is None or weight(taken) < large:
            seen = detector.detect(image)
            taken = max(seen, key=weight, default=None)
        chosen = [] if taken is None else [taken]
    else:
        seen = chosen = detector.detect(image)
        if faces == "center" and seen:
            chosen = [min(seen, key=lambda face: off_centre(face, image.shape))]
    if not chosen:
        raise NoFaceError("no face was found")
    if faces == "error" and len(seen) > 1:
        raise SeveralFacesError(f"{len(seen)} faces were found")
    return [detector.refine(image, face) for face in chosen], len(seen)
