"""Photo → the faces that are taken from it, as aligned crops, with all that is known of each."""

import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, NoFaceError, SeveralFacesError
from .choice import FaceChoice
from .crop import CROP_SIZE, TEMPLATE, align_face
from .detectors.detector import Detector
from .detectors.find import find_faces
from .image_file import Color, load_image
from .quality import Quality, measure_quality
from .similarity import Fit

if TYPE_CHECKING:
    from PIL import Image

# What `load_image` takes: a path, the bytes of a file, an open file, a Pillow image, an array uint8 (H, W, 3).
Photo: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]"


@dataclass(frozen=True, slots=True, eq=False)
class FaceInfo:
    """A face that was taken from a photo, in pixels of the upright photo.

    photo      its path, or the name that was given to one that has none ("first photo")
    box        left, top, right, bottom; may reach beyond the photo
    landmarks  float32 (5, 2), read-only: x and y of image-left eye, image-right eye, nose, image-left and image-right
               mouth corner
    score      the detector's confidence, 0..1; 1 for a crop in which no face was looked for
    found      number of faces that were seen in the photo
    quality    how good its picture is
    """

    photo: str
    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float
    found: int
    quality: Quality

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return {
            "photo": self.photo,
            "box": list(self.box),
            "landmarks": self.landmarks.tolist(),
            "score": self.score,
            "found": self.found,
            "quality": asdict(self.quality),
        }


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """The faces taken from one photo: N >= 1.

    faces    N
    crops    uint8 (N, S, S, 3) RGB
    timings  milliseconds: read, detect, align
    """

    faces: tuple[FaceInfo, ...]
    crops: NDArray[np.uint8]
    timings: dict[str, float]


class PhotoReader:
    """Takes the faces from photos. One reader may be used by several threads at once.

    detector  what finds them; None: the photos are aligned crops already
    faces     which of a photo's faces are taken, see `find_faces`
    size      side of the crops in pixels
    fit       what computes the crops' transform, see `align_face`: "scikit-image" for work on many photos
    """

    def __init__(self, detector: Detector | None, faces: FaceChoice, size: int, *, fit: Fit = "closed-form") -> None:
        self.detector, self.faces, self.size, self.fit = detector, faces, size, fit

    def with_fit(self, fit: Fit) -> "PhotoReader":
        """The same reader with another `fit`."""
        return PhotoReader(self.detector, self.faces, self.size, fit=fit)

    def read(self, photo: Photo, name: str = "photo", *, color: Color = "rgb") -> PhotoFaces:
        """The faces of a photo.

        photo  what `load_image` takes
        name   what errors and results call a photo that has no path
        color  "rgb" or "bgr": order of an array's channels

        Raises ImageError where it can't be read or is no aligned crop, NoFaceError where no face is in it,
        SeveralFacesError where several are and `faces` is "error".
        """
        if isinstance(photo, (str, os.PathLike)):
            name = os.fspath(photo)
        start = time.perf_counter()
        image = load_image(photo, color=color, name=name)
        read = time.perf_counter()
        if self.detector is None:
            return self._crop(image, name, read - start)
        try:
            faces, found = find_faces(image, self.detector, self.faces)
        except NoFaceError as error:
            raise NoFaceError(
                f"{self.detector.name} found no face",
                path=name,
                remedy="use a photo with a larger, upright face, or another detector",
                argument="detector",
            ) from error
        except SeveralFacesError as error:
            raise SeveralFacesError(
                error.reason, path=name, remedy="cut the photo to one, or choose with faces", argument="faces"
            ) from error
        detected = time.perf_counter()
        try:
            crops = np.stack([align_face(image, face.landmarks, self.size, fit=self.fit) for face in faces])
        except ImageError as error:
            raise ImageError(error.reason, path=name, remedy=error.remedy) from error
        infos = tuple(
            FaceInfo(
                name, face.box, _read_only(face.landmarks), face.score, found, measure_quality(crop, face.landmarks)
            )
            for face, crop in zip(faces, crops, strict=True)
        )
        return PhotoFaces(infos, crops, _milliseconds(start, read, detected, time.perf_counter()))

    def _crop(self, image: NDArray[np.uint8], name: str, seconds: float) -> PhotoFaces:
        size = self.size
        if image.shape != (size, size, 3):
            height, width = image.shape[:2]
            raise ImageError(
                f"{width}x{height} pixels, not a crop of {size}x{size}",
                path=name,
                remedy="for photos leave out aligned",
                argument="aligned",
            )
        landmarks = TEMPLATE * np.float32(size / CROP_SIZE)
        info = FaceInfo(
            name, (0.0, 0.0, float(size), float(size)), _read_only(landmarks), 1.0, 1, measure_quality(image, landmarks)
        )
        # A copy: the array may be the caller's own.
        return PhotoFaces((info,), image[None].copy(), {"read": 1000 * seconds, "detect": 0.0, "align": 0.0})


def _read_only(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    points = landmarks.astype(np.float32)  # a copy: a detector's may be part of a larger array
    points.setflags(write=False)
    return points


def _milliseconds(start: float, read: float, detected: float, aligned: float) -> dict[str, float]:
    return {"read": 1000 * (read - start), "detect": 1000 * (detected - read), "align": 1000 * (aligned - detected)}
