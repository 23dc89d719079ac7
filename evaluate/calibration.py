"""Measure the threshold for a false match rate on a set of people's faces and write it into the model file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..align.detectors.detector import load_detector
from ..align.photo_crops import Crop, crops_ahead
from ..datasets.image_sets import ImageSet, open_image_set
from ..datasets.set_files import read_aligner
from ..errors import DataError, ImageError, NoFaceError, SFaceError, UsageError
from ..infer.embedder import FaceEmbedder
from ..model_files.metadata import Preprocess
from ..output import Output
from ..progress import progress
from ..runtime import dependencies
from .crop_batches import crop_batches
from .figures.figures import Rate
from .figures.measured_threshold import MeasuredThreshold, measure_threshold, must_support
from .figures.pairs import LIMIT
from .protocols.person_folders import photos_of_people
from .report.formatting import asked, interval, percent

_LOWEST_FMR = 3 / LIMIT


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold that was measured and written into a model file.

    measured      the threshold and the error rates at it
    fmr_asked     the false match rate that it was measured for
    faces         that were embedded
    unreadable, faceless  pictures that could not be used, and why
    threshold_set, aligner   name of the set, and what gave its faces' landmarks; "aligned" where crops were given
    model, model_sha256      the file, and the sha256 of what it is now
    """

    measured: MeasuredThreshold
    fmr_asked: float
    faces: int
    unreadable: int
    faceless: int
    threshold_set: str
    aligner: str
    model: Path
    model_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what `sface calibrate --json` prints."""
        measured = self.measured
        return {
            **_rates(measured),
            "fmr_asked_for": self.fmr_asked,
            "people": measured.people,
            "impostor_pairs": measured.fmr.count,
            "genuine_pairs": measured.fnmr.count,
            "faces": self.faces,
            "unreadable": self.unreadable,
            "faceless": self.faceless,
            "threshold_set": self.threshold_set,
            "aligner": self.aligner,
            "model": str(self.model),
            "model_sha256": self.model_sha256,
        }

    def text(self) -> str:
        """Threshold and measured rates in one line, for people."""
        name = self.threshold_set
        basis = f"the crops of {name}" if self.aligner == "aligned" else f"{name} with {self.aligner}"
        fmr, fnmr = self.measured.fmr, self.measured.fnmr
        return (
            f"threshold {self.measured.threshold:.3f} for FMR {asked(self.fmr_asked)} (measured {_in_words(fmr)} of "
            f"{fmr.count:,} impostor pairs; FNMR {_in_words(fnmr)} of {fnmr.count:,} genuine pairs; intervals of 95 % "
            f"over {self.measured.people:,} people) on {basis}, written to {self.model}"
        )


def calibrate(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    fmr: float,
    *,
    aligned: bool = False,
    detector: str | os.PathLike[str] | None = None,
    preprocess: Preprocess | None = None,
    output: Output | None = None,
) -> Calibration:
    """Measure the smallest threshold at which no more than the share `fmr` of pairs of two people match, and write it
    with both error rates into the metadata of the ONNX file `model`.

    Faces are embedded as `FaceVerifier` does by default: without mirror images. Photos are read by processes that are
    spawned: a script calls this under `if __name__ == "__main__":`.

    data        a folder of photos per person, or an image set of crops (imgs.txt, train.rec); its
                aligner.txt says which aligner cut them
    aligned     the files in the people's folders are crops, not photos
    detector    what finds the faces of photos, as of `load_detector`
    preprocess  the input of a file that doesn't say it, as of `FaceEmbedder`
    output      shows progress and notes; by default nothing does

    Raises UsageError for an `fmr` out of range and for a detector of crops; DataError where the set is damaged or too
    small for the rate; ModelError and PreprocessError as `FaceEmbedder`; DependencyError without the `export` extra or
    onnxruntime; StorageError where the file can't be written.
    """
    output = output or Output(quiet=True)
    file, folder = Path(model), Path(data)
    if not _LOWEST_FMR <= fmr < 1:
        raise UsageError(f"fmr {fmr:g}: must be from {_LOWEST_FMR:g} to below 1, such as 1e-3", argument="fmr")
    dependencies.require("onnx", "export")  # now, not when all is measured and the threshold can't be written

    from ..export.onnx_files.onnx_metadata import write_metadata

    embedder = FaceEmbedder(file, preprocess=preprocess)
    with _open(folder, embedder.input_size, aligned, detector) as faces:
        try:
            must_support(np.array(faces.labels), fmr)  # now too: embedding may take hours
            units, labels, failures = _embed(faces, embedder, output)
            measured = measure_threshold(units, labels, fmr)
        except DataError as error:
            if error.path is not None:
                raise
            raise DataError(error.reason, path=folder, remedy=error.remedy, argument=error.argument) from None
    name = folder.resolve().name
    written: dict[str, Any] = {
        **_rates(measured),
        "threshold_set": name,
        "aligner": faces.aligner,
        "threshold_people": measured.people,
        "threshold_impostor_pairs": measured.fmr.count,
        "threshold_genuine_pairs": measured.fnmr.count,
    }
    write_metadata(file, replace(embedder.metadata, **written))
    faceless = sum(isinstance(error, NoFaceError) for error in failures)
    return Calibration(
        measured,
        fmr,
        faces=len(labels),
        unreadable=len(failures) - faceless,
        faceless=faceless,
        threshold_set=name,
        aligner=faces.aligner,
        model=file,
        model_sha256=files.sha256(file),
    )


@dataclass(frozen=True, slots=True)
class _Faces:
    """The faces to measure on: who is on each picture, its crop or why there is none, and what gave the landmarks."""

    labels: list[int]
    crops: Iterator[Crop]
    aligner: str


@contextmanager
def _open(data: Path, size: int, aligned: bool, detector: str | os.PathLike[str] | None) -> Iterator[_Faces]:
    """The faces of a set, as crops `size` pixels wide and high."""
    is_image_set = any((data / name).is_file() for name in ("property", "imgs.txt", "train.rec"))
    if detector is not None and (aligned or is_image_set):
        raise UsageError(
            f"detector {os.fspath(detector)}: {data} holds crops, in which no face is looked for", argument="detector"
        )
    if is_image_set:
        images = open_image_set(data)
        if images.size != size:
            raise DataError(f"its crops have {images.size} pixels a side, the network takes {size}", path=data)
        crops_of_set = (_image(images, index) for index in range(len(images)))
        yield _Faces(images.labels.tolist(), crops_of_set, read_aligner(data) or "aligned")
        return
    people = photos_of_people(data)
    labels = [label for label, photos in enumerate(people.values()) for _ in photos]
    paths = [photo for photos in people.values() for photo in photos]
    aligner = "aligned" if aligned else load_detector(detector).aligner
    named = None if detector is None else os.fspath(detector)
    with crops_ahead(paths, size, detector=named, aligned=aligned) as crops:
        yield _Faces(labels, crops, aligner)


def _image(images: ImageSet, index: int) -> Crop:
    try:
        return images.image(index)
    except ImageError as error:
        return error


def _embed(
    faces: _Faces, embedder: FaceEmbedder, output: Output
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[SFaceError]]:
    """Unit embeddings (N, D) and labels (N,) of the faces that could be used, and why the others could not.

    Raises DataError where none can be used.
    """
    units = []
    rows: list[int] = []
    failed: dict[int, SFaceError] = {}
    with progress(len(faces.labels), "pictures", output) as advance:
        for numbers, crops in crop_batches(faces.crops, embedder.chunk, failed, advance):
            units.append(embedder.embed(crops).unit)
            rows += numbers
    failures = list(failed.values())
    if not units:
        raise DataError(
            f"none of its {len(failures):,} pictures can be used; the first: {failures[0]}",
            argument=failures[0].argument,
        )
    if failures:
        faceless = sum(isinstance(error, NoFaceError) for error in failures)
        output.note(
            f"skipped of {len(faces.labels):,} pictures: {len(failures) - faceless:,} unreadable or no crops, "
            f"{faceless:,} without a face; the first: {output.text(failures[0])}"
        )
    return np.concatenate(units), np.array(faces.labels, dtype=np.int64)[rows], failures


def _rates(measured: MeasuredThreshold) -> dict[str, float]:
    """The threshold and its rates, by the names that metadata and JSON have for them."""
    return {
        "threshold": measured.threshold,
        "fmr": measured.fmr.value,
        "fmr_low": measured.fmr.low,
        "fmr_high": measured.fmr.high,
        "fnmr": measured.fnmr.value,
        "fnmr_low": measured.fnmr.low,
        "fnmr_high": measured.fnmr.high,
    }


def _in_words(rate: Rate) -> str:
    return f"{percent(rate.value)} [{interval(rate.low, rate.high)}]"
