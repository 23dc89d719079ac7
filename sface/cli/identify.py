"""Who is on a photo, of the people in a gallery? Exit code 0: all were identified, 1: somebody is nobody in it, 2 or
more: an error."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SFaceError
from ..output import Output
from . import options

if TYPE_CHECKING:
    from ..align.photo_faces import FaceInfo
    from ..infer.gallery.gallery import Gallery, Identification
    from ..infer.photo_embeddings import PhotoEmbeddings
    from ..infer.threshold import Threshold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="a gallery's folder, made by sface enroll")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photos of people to be named")
    options.add_verification(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine; by default the one measured for the file")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer.gallery.gallery_folder import open_gallery
    from ..infer.photo_embeddings import PhotoEmbeddings, embed_each
    from ..infer.verifier import FaceVerifier

    verifier = FaceVerifier(**options.read_verification(args, output), threshold=args.threshold)
    embedder, details = verifier.embedder, verifier.threshold_details
    gallery = open_gallery(args.gallery, embedder.sha256)
    results = list(embed_each(verifier.reader, embedder, args.photos, flip=verifier.flip))
    taken = [photo for photo in results if isinstance(photo, PhotoEmbeddings)]
    errors = [error for error in results if isinstance(error, SFaceError)]
    if not taken:
        raise errors[0]
    faces = [face for photo in taken for face in photo.faces]
    start = time.perf_counter()
    found = _search(gallery, taken, verifier.threshold)
    timings = {stage: sum(photo.timings[stage] for photo in taken) for stage in taken[0].timings}
    timings["search"] = 1000 * (time.perf_counter() - start)
    fpir = None if details.fmr is None else false_positives(details.fmr, len(gallery))
    notes = [*_threshold_notes(details, len(gallery)), *([] if args.faces == "all" else _several_notes(faces))]
    for note in notes:
        output.note(note)
    identified = all(one.person is not None for one in found)
    lines = [_line(face, one, verifier.threshold) for face, one in zip(faces, found, strict=True)]
    error = None
    if errors:
        lines += map(str, errors)
        error = type(errors[0])(f"{len(errors):,} of {len(results):,} photos can't be used; the first, {errors[0]}")
    output.result(
        "\n".join(lines),
        {
            "identified": identified and error is None,
            "faces": [{**face.to_dict(), **asdict(one)} for face, one in zip(faces, found, strict=True)],
            "left_out": [
                {"photo": photo, "code": result.code, "message": str(result)}
                for photo, result in zip(args.photos, results, strict=True)
                if isinstance(result, SFaceError)
            ],
            "threshold": verifier.threshold,
            "threshold_source": details.source,
            "fmr": details.fmr,
            "threshold_set": details.threshold_set,
            "fpir": fpir,
            "gallery": str(args.gallery),
            "people": len(gallery.people),
            "photos": len(gallery),
            "model": str(embedder.path),
            "model_sha256": embedder.sha256,
            "detector": verifier.detector,
            "provider": embedder.provider,
            "timings": {stage: round(milliseconds, 3) for stage, milliseconds in timings.items()},
            "notes": notes,
        },
        error,
    )
    if error is not None:
        return error.exit_code
    return 0 if identified else 1


def false_positives(fmr: float, photos: int) -> float:
    """The share of strangers who are taken for somebody (FPIR), where each photo of the gallery is a chance."""
    return float(1 - (1 - fmr) ** photos)


def _search(gallery: "Gallery", photos: "list[PhotoEmbeddings]", threshold: float) -> "list[Identification]":
    import numpy as np

    return gallery.identify(np.concatenate([photo.units for photo in photos]), threshold)


def _line(face: "FaceInfo", one: "Identification", threshold: float) -> str:
    from ..infer.verification import in_digits_that_differ

    where = "" if face.found == 1 else f" at {','.join(f'{side:.0f}' for side in face.box)}"
    similarity, limit = in_digits_that_differ(one.similarity, threshold)
    if one.person is None:
        return f"{face.photo}{where}: nobody ({similarity} < {limit})"
    margin = "" if one.margin is None else f", margin {one.margin:.2f}"
    return f"{face.photo}{where}: {one.person} ({similarity} >= {limit}{margin})"


def _threshold_notes(threshold: "Threshold", photos: int) -> Iterator[str]:
    yield from threshold.notes
    if threshold.fmr is not None:
        yield (
            f"of strangers about {100 * false_positives(threshold.fmr, photos):.3g} % are taken for somebody: "
            f"1 - (1 - FMR)^photos, with the threshold's FMR of {100 * threshold.fmr:.3g} % and {photos:,} photos in "
            "the gallery; --threshold can be stricter"
        )
    elif threshold.source != "given":
        yield (
            f"the threshold {threshold.value:g} was not measured: how many strangers are taken for somebody is not "
            "known (sface calibrate measures it)"
        )


def _several_notes(faces: "list[FaceInfo]") -> list[str]:
    return [
        f"{face.photo}: {face.found} faces; one of them was taken (--faces all takes all)"
        for face in faces
        if face.found > 1
    ]
