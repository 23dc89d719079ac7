"""Do two photos show the same person? From two photos and a model file to one decision."""

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..align.crop import align_face
from ..align.detector import load_detector
from ..align.face import choose_face
from ..align.image import load_image
from ..errors import ModelError, NoFaceError, UsageError
from ..metadata import Preprocess
from .embedder import FaceEmbedder

# For a model file without a measured threshold: near those of published networks (0.363 for OpenCV's SFace).
DEFAULT_THRESHOLD = 0.36

# What `align.image.load_image` takes: a path, the bytes of a file, an array uint8 (H, W, 3) RGB.
Photo = str | os.PathLike[str] | bytes | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FaceInfo:
    """The face that was taken from a photo, in pixels of the upright photo.

    photo      its path, or "first photo", "second photo" where it has none
    box        left, top, right, bottom; may reach beyond the photo
    landmarks  x and y of image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1
    found      number of faces that were found in the photo
    """

    photo: str
    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    found: int


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """The decision on two photos and all that it rests on.

    same              similarity >= threshold
    similarity        a cosine in [-1, 1]
    threshold         a cosine
    threshold_source  "file": measured, and written into the model file; "given" by the caller; "default": neither
    fmr               the false match rate measured at the threshold, a share; None unless it is the file's
    threshold_set     the set that it was measured on; None unless it is the file's
    faces             the two faces, in the order of the photos
    model             path of the model file, model_sha256: of its bytes
    detector          the detector that found the faces ("mtcnn", "yunet")
    timings           milliseconds for both photos together: read, detect, align, embed
    notes             lines that a person may want to know: several faces in a photo, another detector than measured
    """

    same: bool
    similarity: float
    threshold: float
    threshold_source: Literal["file", "given", "default"]
    fmr: float | None
    threshold_set: str | None
    faces: tuple[FaceInfo, FaceInfo]
    model: str
    model_sha256: str
    detector: str
    timings: dict[str, float]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        similarity, threshold = _in_digits_that_differ(self.similarity, self.threshold)
        decision = f"SAME {similarity} >= {threshold}" if self.same else f"DIFFERENT {similarity} < {threshold}"
        if self.fmr is not None:
            return f"{decision} (cosine; threshold for FMR {100 * self.fmr:.3g} % measured on {self.threshold_set})"
        return f"{decision} (cosine; {'threshold given' if self.threshold_source == 'given' else 'uncalibrated'})"

    def __repr__(self) -> str:
        return f"<Verification: {self}>"


class FaceVerifier:
    """Decides whether two photos show the same person. One verifier may be used by several threads at once.

    model       path of an ONNX file; None: `$SFACE_HOME/models/default.onnx`
    detector    "mtcnn", "yunet" or the path of a YuNet ONNX file; None: YuNet where its file is known, else MTCNN
    threshold   a cosine in [-1, 1]; None: the one measured and written into the file, else DEFAULT_THRESHOLD
    preprocess  what the file's input is, where it doesn't say so itself: "raw" or "centered"
    threads     CPU threads for one network; None: all cores

    Raises UsageError for a threshold that is no cosine, ModelError where a file is missing, damaged or of another kind,
    PreprocessError where the file's input is not known, DependencyError without onnxruntime.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        detector: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        preprocess: Preprocess | None = None,
        threads: int | None = None,
    ) -> None:
        if threshold is not None and not _is_cosine(threshold):
            raise UsageError(f"threshold {threshold:g}: must be a cosine, from -1 to 1")
        model = _default_model() if model is None else model
        self.embedder = FaceEmbedder(model, preprocess=preprocess, threads=threads)
        self.detector = load_detector(detector, threads=threads)
        measured = self.embedder.metadata
        self.fmr: float | None = None
        self.threshold_set: str | None = None
        self.threshold_source: Literal["file", "given", "default"]
        self._notes: tuple[str, ...] = ()
        if threshold is not None:
            self.threshold, self.threshold_source = float(threshold), "given"
        elif measured.threshold is None or measured.fmr is None:
            self.threshold, self.threshold_source = DEFAULT_THRESHOLD, "default"
        elif not _is_cosine(measured.threshold):
            raise ModelError(
                f"{self.embedder.path}: its threshold is {measured.threshold:g}; run sface calibrate again"
            )
        else:
            self.threshold, self.threshold_source = measured.threshold, "file"
            self.fmr, self.threshold_set = measured.fmr, measured.threshold_set
            if measured.detector != self.detector.name:
                self._notes = (_detector_note(measured.detector, self.detector.name),)

    def verify(self, a: Photo, b: Photo) -> Verification:
        """Decide on two photos: paths, the bytes of files, or upright images, uint8 (H, W, 3) RGB.

        Raises ImageError where a photo can't be read, NoFaceError where no face was found in one.
        """
        watch = _Stopwatch()
        face_a, crop_a = self._face_in(a, "first photo", watch)
        face_b, crop_b = self._face_in(b, "second photo", watch)
        unit = self.embedder.embed(np.stack([crop_a, crop_b])).unit.astype(np.float64)
        watch.lap("embed")
        # Rounding may lead a hair beyond what a cosine can be.
        similarity = float(np.clip(unit[0] @ unit[1], -1, 1))
        several = tuple(
            f"{face.photo}: {face.found} faces; the one that is large and near the centre was taken"
            for face in (face_a, face_b)
            if face.found > 1
        )
        return Verification(
            same=similarity >= self.threshold,
            similarity=similarity,
            threshold=self.threshold,
            threshold_source=self.threshold_source,
            fmr=self.fmr,
            threshold_set=self.threshold_set,
            faces=(face_a, face_b),
            model=str(self.embedder.path),
            model_sha256=self.embedder.sha256,
            detector=self.detector.name,
            timings=watch.milliseconds,
            notes=self._notes + several,
        )

    def _face_in(self, photo: Photo, name: str, watch: "_Stopwatch") -> tuple[FaceInfo, NDArray[np.uint8]]:
        """The face of a photo and its crop, uint8 (S, S, 3) RGB; `name` is for a photo that has no path."""
        if isinstance(photo, (str, os.PathLike)):
            name = os.fspath(photo)
        image = load_image(photo)
        watch.lap("read")
        faces = self.detector.detect(image)
        watch.lap("detect")
        if not faces:
            raise NoFaceError(
                f"{name}: {self.detector.name} found no face; use a photo with a larger, upright face, or "
                "another --detector"
            )
        face = choose_face(faces, image.shape)
        crop = align_face(image, face.landmarks, self.embedder.input_size)
        watch.lap("align")
        landmarks = tuple((float(x), float(y)) for x, y in face.landmarks)
        return FaceInfo(name, face.box, landmarks, face.score, len(faces)), crop


class _Stopwatch:
    """Sums up the milliseconds between laps, by stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to `stage`."""
        now = time.perf_counter()
        self.milliseconds[stage] = round(self.milliseconds.get(stage, 0.0) + 1000 * (now - self._last), 3)
        self._last = now


def _default_model() -> Path:
    path = files.home() / "models" / "default.onnx"
    if not path.is_file():
        raise ModelError(f"{path}: there is no default model; name an ONNX file with --model, or put one there")
    return path


def _is_cosine(value: float) -> bool:
    return -1 <= value <= 1  # false for NaN


def _detector_note(measured: str | None, used: str) -> str:
    basis = "on crops" if measured == "aligned" else f"with {measured}"
    return f"the threshold was measured {basis}, these faces were found by {used}: sface calibrate --detector {used}"


def _in_digits_that_differ(similarity: float, threshold: float) -> tuple[str, str]:
    """Both numbers with two digits after the point, or as many as it takes to see that they differ."""
    texts = [(f"{similarity:.{digits}f}", f"{threshold:.{digits}f}") for digits in range(2, 17)]
    return next((both for both in texts if both[0] != both[1]), texts[0])
