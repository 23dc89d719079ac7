"""Add people's photos to a gallery, in which `sface identify` looks for them."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..align.choice import FACE_CHOICES
from ..errors import DataError, UsageError
from ..output import Output
from . import options
from .gallery_words import basis_fields, in_words, people_in_words, photos_in_words

if TYPE_CHECKING:
    from ..infer import Enrollment

PAIRS_IN_NOTES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="the gallery's folder; made where there is none")
    parser.add_argument(
        "photos",
        metavar="PHOTO",
        type=Path,
        nargs="+",
        help="photos of --person; else a folder that holds one a person",
    )
    parser.add_argument("--person", metavar="NAME", help="whose photos they are")
    options.add_verification(parser, [choice for choice in FACE_CHOICES if choice != "all"])  # a photo is one person's
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine from which two people are called alike")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer import FaceVerifier, enroll

    people = _photos_of_people(args)
    verifier = FaceVerifier(**options.read_verification(args, output), threshold=args.threshold)
    enrollment = enroll(args.gallery, people, verifier, output=output)
    for note in _alike_notes(enrollment):
        output.note(note)
    error = None
    if enrollment.people_without:
        without = ", ".join(enrollment.people_without)
        error = DataError(f"{without}: not enrolled, as no photo of theirs can be used; give others (--person)")
    added, of = sum(enrollment.enrolled.values()), len(people) - len(enrollment.people_without)
    again = f" ({enrollment.known_photos:,} more were in it already)" if enrollment.known_photos else ""
    output.result(
        f"enrolled {photos_in_words(added)} of {people_in_words(of)}{again}; "
        f"{in_words(args.gallery, enrollment.people, enrollment.photos)}",
        {
            "gallery": str(args.gallery),
            "enrolled": enrollment.enrolled,
            "known_photos": enrollment.known_photos,
            "left_out": [
                {"photo": error.path, "code": error.code, "message": output.explanation(error)}
                for error in enrollment.left_out
            ],
            "people_without": list(enrollment.people_without),
            "alike": [{"people": pair[:2], "similarity": pair[2]} for pair in enrollment.alike],
            "threshold": enrollment.threshold,
            "threshold_source": enrollment.threshold_source,
            **basis_fields(enrollment),
        },
        error,
    )
    return 0 if error is None else error.exit_code


def _photos_of_people(args: argparse.Namespace) -> dict[str, list[Path]]:
    """The photos of each person that the arguments name."""
    if args.person is not None:
        return {args.person: args.photos}
    root, *more = args.photos
    if more or root.is_file():
        raise UsageError(
            "whose photos are they? add --person NAME, or name a folder with a folder per person", path=root
        )
    from ..datasets.folders import people_in

    people = people_in(root, endings=("",))  # any file may be a photo, or else is named in a note
    if not people:
        raise DataError("holds no folder per person with photos in it; for one person's add --person NAME", path=root)
    return {person: [root / person / name for name in names] for person, names in people.items()}


def _alike_notes(enrollment: "Enrollment") -> Iterator[str]:
    for one, other, similarity in enrollment.alike[:PAIRS_IN_NOTES]:
        yield f"{one} and {other} look alike ({similarity:.2f}): the same person under two names?"
    if len(enrollment.alike) > PAIRS_IN_NOTES:
        yield f"{len(enrollment.alike) - PAIRS_IN_NOTES:,} more pairs of people look alike; --json lists them"
