"""Who is on a photo, of the people in a gallery? Exit code 0: all were identified, 1: somebody is nobody in it, 2 or
more: an error."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import Output
from . import options
from .gallery_words import basis_fields

if TYPE_CHECKING:
    from ..infer import IdentifiedFace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="a gallery's folder, made by sface enroll")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photos of people to be named")
    options.add_verification(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine; by default the one measured for the file")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer import FaceVerifier, identify

    verifier = FaceVerifier(**options.read_verification(args, output), threshold=args.threshold)
    found = identify(args.gallery, args.photos, verifier, output=output)
    lines = [_line(face, found.threshold) for face in found.faces]
    error = None
    if found.left_out:
        lines += map(output.text, found.left_out)
        first = found.left_out[0]
        count = f"{len(found.left_out):,} of {len(args.photos):,} photos can't be used"
        error = type(first)(f"{count}; the first, {output.text(first)}")
    output.result(
        "\n".join(lines),
        {
            "identified": found.identified,
            "faces": [face.to_dict() for face in found.faces],
            "left_out": [
                {"photo": error.path, "code": error.code, "message": output.text(error)} for error in found.left_out
            ],
            "threshold": found.threshold,
            "threshold_source": found.threshold_source,
            "fmr": found.fmr,
            "threshold_set": found.threshold_set,
            "fpir": found.fpir,
            "gallery": str(args.gallery),
            **basis_fields(found),
            "timings": found.timings,
            "notes": list(found.notes),
        },
        error,
    )
    if error is not None:
        return error.exit_code
    return 0 if found.identified else 1


def _line(one: "IdentifiedFace", threshold: float) -> str:
    from ..infer.verification import in_digits_that_differ

    where = "" if one.face.found == 1 else f" at {','.join(f'{side:.0f}' for side in one.face.box)}"
    similarity, limit = in_digits_that_differ(one.similarity, threshold)
    if one.person is None:
        return f"{one.face.photo}{where}: nobody ({similarity} < {limit})"
    margin = "" if one.margin is None else f", margin {one.margin:.2f}"
    return f"{one.face.photo}{where}: {one.person} ({similarity} >= {limit}{margin})"
