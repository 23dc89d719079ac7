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

if TYPE_CHECKING:
    from PIL import Image

# What `align.image.load_image` takes: a path, the bytes of a file, an open file, a Pillow image, an array uint8
# (H, W, 3) RGB.
Photo: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class FaceInfo:
    """A face that was taken from a photo, in pixels of the upright photo.

    photo      its path, or the name that was given to one that has none ("first photo")
    box        left, top, right, bottom; may reach beyond the photo
    landmarks  x and y of image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1; 1 for a crop in which no face was looked for
    found      number of faces that were seen in the photo
    quality    how good its picture is
    """

    photo: str
    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    found: int
    quality: Quality

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return {**asdict(self), "landmarks": np.asarray(self.landmarks).tolist()}


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
    """

    def __init__(self, detector: Detector | None, faces: FaceChoice, size: int) -> None:
        self.detector, self.faces, self.size = detector, faces, size

    def read(self, photo: Photo, name: str = "photo", *, color: Color = "rgb") -> PhotoFaces:
        """The faces of a photo; `name` is what errors and results call one that has no path, `color` the order of an
        array's channels.

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
                remedy="use a photo with a larger, upright face, or another --detector",
            ) from error
        except SeveralFacesError as error:
            raise SeveralFacesError(
                str(error), path=name, remedy="cut the photo to one, or choose with --faces"
            ) from error
        detected = time.perf_counter()
        try:
            crops = np.stack([align_face(image, face.landmarks, self.size) for face in faces])
        except ImageError as error:
            raise ImageError(str(error), path=name) from error
        infos = tuple(
            FaceInfo(name, face.box, _points(face.landmarks), face.score, found, measure_quality(crop, face.landmarks))
            for face, crop in zip(faces, crops, strict=True)
        )
        return PhotoFaces(infos, crops, _milliseconds(start, read, detected, time.perf_counter()))

    def _crop(self, image: NDArray[np.uint8], name: str, seconds: float) -> PhotoFaces:
        size = self.size
        if image.shape != (size, size, 3):
            height, width = image.shape[:2]
            raise ImageError(
                f"{width}x{height} pixels, not a crop of {size}x{size}; for photos leave out --aligned", path=name
            )
        landmarks = TEMPLATE * np.float32(size / CROP_SIZE)
        info = FaceInfo(
            name, (0.0, 0.0, float(size), float(size)), _points(landmarks), 1.0, 1, measure_quality(image, landmarks)
        )
        return PhotoFaces((info,), image[None], {"read": 1000 * seconds, "detect": 0.0, "align": 0.0})


def _points(landmarks: NDArray[np.float32]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in landmarks)


def _milliseconds(start: float, read: float, detected: float, aligned: float) -> dict[str, float]:
    return {"read": 1000 * (read - start), "detect": 1000 * (detected - read), "align": 1000 * (aligned - detected)}
