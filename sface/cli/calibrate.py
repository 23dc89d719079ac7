"""Measure the threshold for a false match rate on a set of people's faces and write it into the model file."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..align.crop_batches import crop_batches
from ..errors import DataError, ImageError, NoFaceError, SFaceError, UsageError
from ..output import Output
from ..progress import progress
from . import options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..align.photo_crops import Crop
    from ..datasets.image_sets import ImageSet
    from ..evaluate.figures.figures import Rate
    from ..evaluate.figures.threshold_at_fmr import Calibration
    from ..infer.embedder import FaceEmbedder


@dataclass(frozen=True, slots=True)
class _Faces:
    """The faces to measure on: who is on each picture, its crop or why there is none, and what found the faces."""

    labels: list[int]
    crops: "Iterator[Crop]"
    detector: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="ONNX file; the threshold is written into it")
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a folder per person, or a set with imgs.txt"
    )
    parser.add_argument("--fmr", required=True, type=float, help="false match rate, a share such as 1e-3")
    parser.add_argument("--aligned", action="store_true", help="the files are crops, not photos")
    options.add_detector(parser)
    options.add_preprocess(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    import numpy as np

    from .. import files
    from ..evaluate.figures.pairs import LIMIT
    from ..evaluate.figures.threshold_at_fmr import calibrate, must_support
    from ..export import write_metadata
    from ..infer.embedder import FaceEmbedder
    from ..runtime import dependencies

    lowest = 3 / LIMIT
    if not lowest <= args.fmr < 1:
        raise UsageError(f"--fmr {args.fmr:g}: must be from {lowest:g} to below 1, such as 1e-3")
    dependencies.require("onnx", "export")  # now, not when all is measured and the threshold can't be written
    embedder = FaceEmbedder(args.model, preprocess=args.preprocess)
    with _open(args, embedder.input_size) as faces:
        try:
            must_support(np.array(faces.labels), args.fmr)  # now too: embedding may take hours
            units, labels, skipped = _embed(faces, embedder, output)
            measured = calibrate(units, labels, args.fmr)
        except DataError as error:
            raise DataError(str(error), path=args.data) from None
    name = args.data.resolve().name
    rates = {
        "threshold": measured.threshold,
        "fmr": measured.fmr.value,
        "fmr_low": measured.fmr.low,
        "fmr_high": measured.fmr.high,
        "fnmr": measured.fnmr.value,
        "fnmr_low": measured.fnmr.low,
        "fnmr_high": measured.fnmr.high,
    }
    counts = {"people": measured.people, "impostor_pairs": measured.fmr.count, "genuine_pairs": measured.fnmr.count}
    origin = {"threshold_set": name, "detector": faces.detector}
    written = {**rates, **origin, **{f"threshold_{what}": count for what, count in counts.items()}}
    write_metadata(args.model, replace(embedder.metadata, **written))
    basis = f"the crops of {name}" if faces.detector == "aligned" else f"{name} with {faces.detector}"
    output.result(
        f"{_in_words(measured, args.fmr)} on {basis}, written to {args.model}",
        {
            **rates,
            "fmr_asked_for": args.fmr,
            **counts,
            "faces": len(labels),
            **skipped,
            **origin,
            "model": str(args.model),
            "model_sha256": files.sha256(args.model),
        },
    )
    return 0


@contextmanager
def _open(args: argparse.Namespace, size: int) -> Iterator[_Faces]:
    """The faces of `--data`, whose crops are `size` pixels wide and high."""
    from ..align.photo_crops import crops_ahead
    from ..evaluate.figures.pairs import people_in

    is_image_set = any((args.data / name).is_file() for name in ("property", "imgs.txt", "train.rec"))
    if args.detector is not None and (args.aligned or is_image_set):
        raise UsageError(f"--detector {args.detector}: {args.data} holds crops, in which no face is looked for")
    if is_image_set:
        from ..datasets.image_sets import open_image_set

        images = open_image_set(args.data)
        if images.size != size:
            raise DataError(f"its crops have {images.size} pixels a side, the network takes {size}", path=args.data)
        yield _Faces(images.labels.tolist(), (_image(images, index) for index in range(len(images))), "aligned")
        return
    people = people_in(args.data)
    labels = [label for label, photos in enumerate(people.values()) for _ in photos]
    paths = [photo for photos in people.values() for photo in photos]
    detector = "aligned"
    if not args.aligned:
        from ..align.detectors.detector import load_detector

        detector = load_detector(args.detector).name
    with crops_ahead(paths, size, detector=args.detector, aligned=args.aligned) as crops:
        yield _Faces(labels, crops, detector)


def _image(images: "ImageSet", index: int) -> "Crop":
    try:
        return images.image(index)
    except ImageError as error:
        return error


def _embed(
    faces: _Faces, embedder: "FaceEmbedder", output: Output
) -> "tuple[NDArray[np.float32], NDArray[np.int64], dict[str, int]]":
    """Unit embeddings (N, D) and labels (N,) of the faces that could be used, and how many could not, by reason.

    Without mirror images, as a file is used unless the caller asks for them. Raises DataError where none can be used.
    """
    import numpy as np

    from ..infer.embedder import CHUNK

    units = []
    rows: list[int] = []
    failed: dict[int, SFaceError] = {}
    with progress(len(faces.labels), "pictures", output) as advance:
        for numbers, crops in crop_batches(faces.crops, CHUNK, failed, advance):
            units.append(embedder.embed(crops).unit)
            rows += numbers
    failures = list(failed.values())
    if not units:
        raise DataError(f"none of its {len(failures):,} pictures can be used; the first: {failures[0]}")
    faceless = sum(isinstance(error, NoFaceError) for error in failures)
    skipped = {"unreadable": len(failures) - faceless, "faceless": faceless}
    if failures:
        output.note(
            f"skipped of {len(faces.labels):,} pictures: {skipped['unreadable']:,} unreadable or no crops, "
            f"{faceless:,} without a face; the first: {failures[0]}"
        )
    return np.concatenate(units), np.array(faces.labels, dtype=np.int64)[rows], skipped


def _in_words(measured: "Calibration", wanted: float) -> str:
    from ..evaluate.report.formatting import asked, interval, percent

    def told(rate: "Rate") -> str:
        return f"{percent(rate.value)} [{interval(rate.low, rate.high)}]"

    fmr, fnmr = measured.fmr, measured.fnmr
    return (
        f"threshold {measured.threshold:.3f} for FMR {asked(wanted)} (measured {told(fmr)} of {fmr.count:,} "
        f"impostor pairs; FNMR {told(fnmr)} of {fnmr.count:,} genuine pairs; intervals of 95 % over "
        f"{measured.people:,} people)"
    )
