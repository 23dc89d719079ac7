"""Faces in a photo: what a detector gives, which detector to use, which face to take."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..errors import ModelError, NoFaceError


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that was found, in pixels of the photo that was searched.

    box        left, top, right, bottom; may reach beyond the photo
    landmarks  float32 (5, 2), x and y: image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1; not comparable between detectors
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float


class Detector(Protocol):
    """Finds faces. One detector may be used by several threads at once."""

    name: str

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """All faces of an image, uint8 (H, W, 3) RGB, upright; the best score first; [] where there are none."""
        ...


def load_detector(name: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> Detector:
    """Load a detector.

    name     "mtcnn" (always there); "yunet" (its file lies in `$SFACE_HOME/models`); any other text is the path of a
             YuNet ONNX file; None: YuNet if its file is there, else MTCNN
    threads  CPU threads for one search; None: all cores

    Raises ModelError where the file is missing or is no such network, DependencyError without onnxruntime.
    """
    folder = files.home() / "models"
    yunet = _newest_yunet(folder)
    if name == "mtcnn" or (name is None and yunet is None):
        from .mtcnn import MTCNN

        return MTCNN(threads=threads)
    if name is None or name == "yunet":
        if yunet is None:
            raise ModelError(
                f"{folder}: YuNet's file is not there; put face_detection_yunet_2023mar.onnx of OpenCV's model zoo "
                "(or a later one) into this folder, or use --detector mtcnn"
            )
        name = yunet
    from .yunet import YuNet

    return YuNet(name, threads=threads)


def _newest_yunet(folder: Path) -> Path | None:
    """The file of the latest year; of one year the plain file before a quantised one, whose name is longer."""

    def order(path: Path) -> tuple[int, int, str]:
        year = re.search(r"\d{4}", path.name)
        return -int(year.group()) if year else 0, len(path.name), path.name

    return min(folder.glob("face_detection_yunet*.onnx"), key=order, default=None)


def choose_face(faces: list[Face], image_shape: tuple[int, ...]) -> Face:
    """The face that a photo is of: large, near the centre, and not a doubtful one.

    image_shape  height, width, ... of the photo that `faces` were found in
    Raises NoFaceError where `faces` is empty.
    """
    if not faces:
        raise NoFaceError("no face was found")
    height, width = image_shape[:2]

    def prominence(face: Face) -> float:
        left, top, right, bottom = face.box
        size = math.sqrt((right - left) * (bottom - top))
        off_centre = math.hypot(left + right - width, top + bottom - height) / math.hypot(width, height)  # 1: a corner
        return size * (1 - off_centre) * face.score

    return max(faces, key=prominence)
