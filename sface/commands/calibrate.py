"""Measure the threshold for a false match rate on a set of people's faces and write it into the model file."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, ImageError, NoFaceError, UsageError
from ..metadata import PREPROCESS
from ..output import Output
from ..progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..align.detector import Detector
    from ..infer.embedder import FaceEmbedder


@dataclass(frozen=True, slots=True)
class _Faces:
    """The faces to measure on: who each is, and what gives the crop of one, uint8 (S, S, 3) RGB."""

    labels: list[int]
    crop: "Callable[[int], NDArray[np.uint8]]"
    detector: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="ONNX file; the threshold is written into it")
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a folder per person, or a set with imgs.txt"
    )
    parser.add_argument("--fmr", required=True, type=float, help="false match rate, a share such as 1e-3")
    parser.add_argument("--aligned", action="store_true", help="the files are crops, not photos")
    parser.add_argument(
        "--detector", metavar="mtcnn|yunet|FILE", help="what finds the faces; by default YuNet if its file is known"
    )
    parser.add_argument(
        "--preprocess", choices=PREPROCESS, help="input of a file that doesn't say it: RGB 0..255, or -1..1"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    from .. import dependencies, files
    from ..evaluate.metrics import fnmr_at, threshold_at_fmr
    from ..evaluate.pairs import LIMIT, draw_pairs, similarities
    from ..export.metadata import write_metadata
    from ..infer.embedder import FaceEmbedder

    if not 1 / LIMIT <= args.fmr < 1:
        raise UsageError(f"--fmr {args.fmr:g}: must be from {1 / LIMIT:g} to below 1, such as 1e-3")
    dependencies.require("onnx", "export")  # now, not when all is measured and the threshold can't be written
    embedder = FaceEmbedder(args.model, preprocess=args.preprocess)
    faces = _open(args, embedder.input_size)
    embeddings, labels, skipped = _embed(faces, embedder, output)
    impostor_pairs, genuine_pairs = (draw_pairs(labels, genuine=genuine) for genuine in (False, True))
    try:
        threshold, fmr = threshold_at_fmr(similarities(embeddings, impostor_pairs), args.fmr)
        fnmr = fnmr_at(similarities(embeddings, genuine_pairs), threshold)
    except DataError as error:
        raise DataError(f"{args.data}: {error}") from None
    name = args.data.resolve().name
    measured = replace(embedder.metadata, threshold=threshold, fmr=fmr, threshold_set=name, detector=faces.detector)
    write_metadata(args.model, measured)
    basis = f"the crops of {name}" if faces.detector == "aligned" else f"{name} with {faces.detector}"
    output.result(
        f"threshold {threshold:.3f} for FMR {_percent(args.fmr)} (measured {_percent(fmr)} of {len(impostor_pairs):,} "
        f"impostor pairs; FNMR {_percent(fnmr)} of {len(genuine_pairs):,} genuine pairs) on {basis}, "
        f"written to {args.model}",
        {
            "threshold": threshold,
            "fmr": fmr,
            "fmr_asked_for": args.fmr,
            "impostor_pairs": len(impostor_pairs),
            "fnmr": fnmr,
            "genuine_pairs": len(genuine_pairs),
            "faces": len(labels),
            **skipped,
            "threshold_set": name,
            "detector": faces.detector,
            "model": str(args.model),
            "model_sha256": files.sha256(args.model),
        },
    )
    return 0


def _open(args: argparse.Namespace, size: int) -> _Faces:
    """The faces of `--data`, whose crops are `size` pixels wide and high."""
    from ..evaluate.pairs import people_in

    is_image_set = any((args.data / name).is_file() for name in ("property", "imgs.txt", "train.rec"))
    if args.detector is not None and (args.aligned or is_image_set):
        raise UsageError(f"--detector {args.detector}: {args.data} holds crops, in which no face is looked for")
    if is_image_set:
        return _open_image_set(args.data, size)
    people = people_in(args.data)
    labels = [label for label, photos in enumerate(people.values()) for _ in photos]
    paths = [photo for photos in people.values() for photo in photos]
    if args.aligned:
        return _Faces(labels, lambda index: _read_crop(paths[index], size), "aligned")
    from ..align.detector import load_detector
    from ..align.similarity import load_scikit_image

    load_scikit_image()
    detector = load_detector(args.detector)
    return _Faces(labels, lambda index: _cut_out(paths[index], detector, size), detector.name)


def _open_image_set(root: Path, size: int) -> _Faces:
    from ..train.image_sets import open_image_set

    images = open_image_set(root)
    if images.size != size:
        raise DataError(f"{root}: its crops have {images.size} pixels a side, the network takes {size}")
    return _Faces(images.labels.tolist(), images.image, "aligned")


def _read_crop(path: Path, size: int) -> "NDArray[np.uint8]":
    from ..align.image import load_image

    crop = load_image(path)
    if crop.shape != (size, size, 3):
        height, width = crop.shape[:2]
        raise DataError(f"{path}: {width}x{height} pixels, not a crop of {size}x{size}; for photos leave out --aligned")
    return crop


def _cut_out(path: Path, detector: "Detector", size: int) -> "NDArray[np.uint8]":
    from ..align.crop import align_face
    from ..align.find import find_faces
    from ..align.image import load_image

    image = load_image(path)
    (face,), _ = find_faces(image, detector)
    return align_face(image, face.landmarks, size)


def _embed(
    faces: _Faces, embedder: "FaceEmbedder", output: Output
) -> "tuple[NDArray[np.float32], NDArray[np.int64], dict[str, int]]":
    """Unit embeddings (N, D) and labels (N,) of the faces that could be used, and how many could not, by reason."""
    import numpy as np

    from ..infer.embedder import CHUNK

    crops: list[NDArray[np.uint8]] = []
    units = [np.empty((0, embedder.embedding_size), dtype=np.float32)]
    labels = []
    skipped = {"unreadable": 0, "faceless": 0}
    with progress(len(faces.labels), "pictures", output) as advance:
        for index, label in enumerate(faces.labels):
            try:
                crops.append(faces.crop(index))
            except (ImageError, NoFaceError) as error:
                skipped["faceless" if isinstance(error, NoFaceError) else "unreadable"] += 1
            else:
                labels.append(label)
            if len(crops) == CHUNK or (crops and index == len(faces.labels) - 1):
                units.append(embedder.embed(np.stack(crops)).unit)
                crops = []
            advance()
    if any(skipped.values()):
        output.note(
            f"skipped of {len(faces.labels):,} pictures: {skipped['unreadable']:,} unreadable, {skipped['faceless']:,} "
            "without a face"
        )
    return np.concatenate(units), np.array(labels, dtype=np.int64), skipped


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
