"""YuNet: faces with five landmarks from one pass of a small network (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level
Face Detector", Machine Intelligence Research 2023), in the ONNX files of OpenCV's model zoo, 2023 and later."""

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...model_files.onnx_session import giving_back_memory, open_session, read_model
from ...runtime.opencv import cv2
from .boxes import suppress
from .close_look import CLOSE_LOOK, CloseLook
from .face import Face, size
from .mtcnn_networks import Network

STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{kind}_{stride}" for stride in STRIDES for kind in ("cls", "obj", "bbox", "kps"))

# Longer sides, in pixels, of the pictures that are searched. In one of GLANCE_SIZE even a face that fills it is found;
# a face larger than about 400 pixels is missed, or its landmarks are far off.
GLANCE_SIZE, LARGEST_SIZE = 160, 1920
# A face is found for certain when the picture shows it this large. From one picture to the next it may grow fivefold.
SURE_FACE, NEXT_SIZE = 20, 5
SAMPLES = 4  # pixels of the photo, at the least, in each direction, of which a pixel of such a picture is the mean
LARGE_PICTURE = 1_000_000  # pixels: one of them takes more memory than a service should hold on to
MIN_SCORE = 0.6
REMEDY = "a detector is a YuNet ONNX file, or one of: mtcnn, yunet"
MAX_OVERLAP = 0.3


class YuNet:
    """The detector in the ONNX file `path`; `threads` for one search, None: all cores.

    Coarse to fine: a search in small pictures, then a close look at the faces that matter.

    Raises ModelError where the file is missing or is not YuNet, DependencyError without onnxruntime.
    """

    name = "yunet"
    aligner = f"yunet+{CLOSE_LOOK}"
    certain_score = 0.88  # of 196 upright photos the least had 0.90, of those tilted by 45 degrees half had below 0.84

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        path = Path(path)
        self._session = open_session(read_model(path, REMEDY), str(path), threads)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or {output.name for output in self._session.get_outputs()} != set(_OUTPUTS):
            raise ModelError("is not a YuNet detector of 2023 or later (face_detection_yunet_2023mar.onnx)", path=path)
        self._close_look = CloseLook(Network("onet.onnx", threads))
        self._input = inputs[0].name
        *_, height, width = inputs[0].shape
        self._fixed_size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        try:
            self._search(np.zeros((32, 32, 3), dtype=np.uint8), 1.0)
        except Exception as error:  # onnxruntime's own errors have no common base
            # The block-quantised files of 2023 open without a word and fail only here.
            raise ModelError(
                "onnxruntime can't run this file", path=path, remedy="take the one that is not quantised"
            ) from error

    def detect(self, image: NDArray[np.uint8], smallest: float = SURE_FACE) -> list[Face]:
        """The faces of an image, uint8 (H, W, 3) RGB, upright, of `smallest` pixels and more; the best score first."""
        longer_side = max(image.shape[:2])
        last = float(np.clip(longer_side * SURE_FACE / smallest, GLANCE_SIZE, LARGEST_SIZE))
        steps = math.ceil(math.log(last / GLANCE_SIZE, NEXT_SIZE)) + 1
        found: list[Face] = []
        ranks: list[float] = []
        for number in range(steps):
            scale = GLANCE_SIZE * (last / GLANCE_SIZE) ** (number / max(1, steps - 1)) / longer_side
            for face in self._search(image, scale):
                found.append(face)
                ranks.append(face.score + (steps - number if size(face) * scale >= SURE_FACE else 0))
        # Of several views of a face the first counts that shows it large enough. So a large face is found in the same
        # place whether small ones are looked for or not.
        boxes = np.array([face.box for face in found], dtype=np.float32).reshape(-1, 4)
        kept = [found[i] for i in suppress(boxes, np.array(ranks, dtype=np.float32), MAX_OVERLAP)]
        return sorted(kept, key=lambda face: -face.score)

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face:
        """The face with exact landmarks, see `CloseLook`."""
        return self._close_look.look(image, face)

    def _search(self, image: NDArray[np.uint8], scale: float) -> list[Face]:
        """The faces found in the image times `scale`, or times less where the file's input has a fixed size."""
        if self._fixed_size is not None:
            scale = min(scale, self._fixed_size[0] / image.shape[0], self._fixed_size[1] / image.shape[1])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        # Of a large photo some pixels are enough: to average all of them takes as long as everything else.
        step = max(1, int(1 / scale / SAMPLES))
        # OpenCV halves four times as fast as it averages any other number of pixels. In what is less than halved then
        # nothing is lost between the points that are read.
        halvings = max(0, math.floor(-math.log2(scale * step)))
        small = _halved(image[::step, ::step], halvings)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        # The coarsest grid has cells of 32 pixels: the picture is filled up with black at the right and the bottom.
        rows, columns = self._fixed_size or (-(-height // 32) * 32, -(-width // 32) * 32)
        x = np.zeros((1, 3, rows, columns), dtype=np.float32)
        x[0, :, :height, :width] = cv2.split(picture)[::-1]  # it was trained on BGR, 0..255
        options = giving_back_memory() if rows * columns > LARGE_PICTURE else None
        outputs = self._session.run(_OUTPUTS, {self._input: x}, options)
        boxes, landmarks, scores = _decode(outputs, columns)
        keep = suppress(boxes, scores, MAX_OVERLAP)
        stretch = np.array([small.shape[1] / width, small.shape[0] / height], dtype=np.float32) * 2**halvings
        offset = (stretch - 1) / 2  # the middle of a pixel stays the middle of what it was made of
        stretch, offset = stretch * step, offset * step
        boxes, landmarks = boxes * np.tile(stretch, 2) + np.tile(offset, 2), landmarks * stretch + offset
        return [Face(tuple(boxes[i].tolist()), landmarks[i], float(scores[i])) for i in keep]


def _halved(image: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    for _ in range(times):
        height, width = (max(1, side // 2) for side in image.shape[:2])
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image


def _decode(
    outputs: list[NDArray[np.float32]], columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4), landmarks (N, 5, 2) and scores (N,) from _OUTPUTS for a picture `columns` pixels wide. For each
    stride there is a grid, whose cells lie row by row:

    cls, obj (1, cells, 1)  their geometric mean is the score
    bbox (1, cells, 4)      centre x, y from the cell's corner in cells; logarithm of width, height in cells
    kps (1, cells, 10)      five times x, y from the cell's corner in cells
    """
    face, objectness, box, points = (np.concatenate(outputs[kind::4], axis=1)[0] for kind in range(4))
    score = np.sqrt(face.clip(0, 1) * objectness.clip(0, 1))[:, 0]
    cells = np.flatnonzero(score >= MIN_SCORE)
    ends = np.cumsum([part.shape[1] for part in outputs[::4]])
    grid = np.searchsorted(ends, cells, side="right")
    stride = np.array(STRIDES, dtype=np.int64)[grid]
    row, column = np.divmod(cells - np.array([0, *ends])[grid], columns // stride)
    corner = np.stack([column, row], axis=1).astype(np.float32)  # (N, 2) x, y
    scale = stride.astype(np.float32)[:, None]
    centre, half = corner + box[cells, :2], np.exp(box[cells, 2:]) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1) * scale
    landmarks = (points[cells].reshape(-1, 5, 2) + corner[:, None]) * scale[:, None]
    return boxes, landmarks, score[cells]
