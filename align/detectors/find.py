"""Photo → the faces that it is of, with exact landmarks: a fast look for large faces, a thorough one where it must be,
a look at turned copies where none is certain, and the detector's close look at those that are taken."""

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import NoFaceError, SeveralFacesError, UsageError
from ..choice import FACE_CHOICES, FaceChoice
from .detector import Detector
from .face import Face, off_centre, prominence, size
from .turned_copy import TurnedCopy

# A face of an eighth of the photo's longer side is large: a fast look finds all of them.
LARGE = 1 / 8
# The close look's certainty of a face that is upright but for its roll: of 392 upright photos all have more.
CERTAIN = 0.95
# Degrees by which a photo is turned where no face is certain: heads are tilted to both sides.
TILTS = (45, -45)


def find_faces(image: NDArray[np.uint8], detector: Detector, faces: FaceChoice = "best") -> tuple[list[Face], int]:
    """The faces that are taken from an image, the best first, and the number of faces that were seen in it.

    image  uint8 (H, W, 3) RGB, upright; `load_image` makes one of a BGR array
    faces  "best": the one that is large, near the centre and certain; "largest"; "center": the one nearest to it;
           "all"; "error": the only one

    Small faces are looked for where no large one is, or where they matter ("center", "all", "error"). Where no face is
    certain, large ones are looked for in copies of the photo that are turned by 45 degrees.
    Raises NoFaceError where no face was found, SeveralFacesError where "error" finds more than one, UsageError for
    unknown `faces`.
    """
    if faces not in FACE_CHOICES:
        raise UsageError(f"faces {faces!r}: must be one of {', '.join(FACE_CHOICES)}", argument="faces")
    chosen, seen = _search(image, detector, faces)
    taken = [detector.refine(image, face) for face in chosen]
    if len(taken) <= 1 and not any(_is_upright(face) and face.score >= detector.certain_score for face in taken):
        looks = [(taken, seen), *(_look_at_turned_copy(image, detector, faces, degrees) for degrees in TILTS)]
        taken, seen = max(
            looks, key=lambda look: max((_certain_weight(face, faces, image) for face in look[0]), default=-math.inf)
        )
    if not taken:
        raise NoFaceError("no face was found")
    if faces == "error" and seen > 1:
        raise SeveralFacesError(f"{seen} faces were found")
    return taken, seen


def _search(image: NDArray[np.uint8], detector: Detector, faces: FaceChoice) -> tuple[list[Face], int]:
    """The faces that are chosen of those that are seen, and how many are seen."""
    large = LARGE * max(image.shape[:2])
    if faces in ("best", "largest"):
        seen = detector.detect(image, large)
        chosen = _choose(seen, faces, image)
        # A face too small for this look would have less weight than `large`.
        if not chosen or _weight(chosen[0], faces, image) < large:
            seen = detector.detect(image)
            chosen = _choose(seen, faces, image)
    else:
        seen = detector.detect(image)
        chosen = _choose(seen, faces, image)
    return chosen, len(seen)


def _choose(seen: list[Face], faces: FaceChoice, image: NDArray[np.uint8]) -> list[Face]:
    if faces in ("all", "error") or not seen:
        return seen
    return [max(seen, key=lambda face: _weight(face, faces, image))]


def _weight(face: Face, faces: FaceChoice, image: NDArray[np.uint8]) -> float:
    """By which faces are chosen: the largest weight is taken."""
    if faces == "center":
        return 1 - off_centre(face, image.shape)
    return size(face) if faces == "largest" else prominence(face, image.shape)


def _is_upright(face: Face) -> bool:
    return face.certainty is None or face.certainty >= CERTAIN


def _certain_weight(face: Face, faces: FaceChoice, image: NDArray[np.uint8]) -> float:
    """By which faces of the photo and of its turned copies are compared. A tilted face that is seen in both has a
    better score where it is upright."""
    return _weight(face, faces, image) * (1 if face.certainty is None else face.certainty)


def _look_at_turned_copy(
    image: NDArray[np.uint8], detector: Detector, faces: FaceChoice, degrees: float
) -> tuple[list[Face], int]:
    """The faces that are chosen of the large ones that are certain in a turned copy, and how many are certain in it."""
    copy = TurnedCopy(image, degrees)
    found = detector.detect(copy.image, LARGE * max(image.shape[:2]) * copy.scale)
    looked = [detector.refine(image, copy.in_photo(face)) for face in found]
    certain = [face for face in looked if _is_upright(face)]
    return _choose(certain, faces, image), len(certain)
