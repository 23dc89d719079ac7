"""What a detector is, and which one to use."""

import os
import re
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ... import files
from ...errors import ModelError
from .face import Face


class Detector(Protocol):
    """Finds faces: first where they are, then exactly. One detector may be used by several threads at once.

    name           as it is chosen: "mtcnn", "yunet"
    aligner        what decides where the landmarks lie, "yunet+onet-1": the crops of two aligners differ a little
    certain_score  the score that upright faces have; with a lower one it may be a tilted face, or none
    """

    name: str
    aligner: str
    certain_score: float

    def detect(self, image: NDArray[np.uint8], smallest: float = 20) -> list[Face]:
        """The faces of an image, uint8 (H, W, 3) RGB, upright; the best score first; [] where there are none.

        smallest  side in pixels of the smallest face that matters: the larger, the faster. Faces below a hundredth of
                  the image's longer side are not looked for.
        """
        ...

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        """A face that `detect` found in this image, looked at again to have its landmarks as exact as they get."""
        ...


def load_detector(name: str | os.PathLike[str] | None = None, *, threads: int | None = 1) -> Detector:
    """Load a detector.

    name     "mtcnn" (always there); "yunet" (its file lies in `$SFACE_HOME/models`); any other text is the path of a
             YuNet ONNX file; None: YuNet if its file is there, else MTCNN
    threads  CPU threads for one search; None: all cores, which makes networks as small as these no faster

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
                "YuNet's file is not there",
                path=folder,
                remedy=(
                    "put face_detection_yunet_2023mar.onnx of OpenCV's model zoo (or a later one) into this "
                    "folder, or use detector mtcnn"
                ),
                argument="detector",
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
