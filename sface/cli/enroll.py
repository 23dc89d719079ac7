"""Add people's photos to a gallery, in which `sface identify` looks for them."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SFaceError, UsageError
from ..output import Output
from . import options
from .gallery import in_words, people_in_words, photos_in_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..align.photo_faces import FaceInfo
    from ..align.photo_shards import LeftOut
    from ..infer.gallery.gallery import Gallery
    from ..infer.verifier import FaceVerifier

# Notes on photos of which little can be recognised, see `align.quality.Quality`.
BLURRED = 100  # sharpness
SMALL = 20  # pixels between the eyes

# The similarity of a photo and itself, less what rounding may take from it.
SAME_PHOTO = 0.99999
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
    options.add_verification(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine from which two people are called alike")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer.gallery.gallery import Gallery
    from ..infer.gallery.gallery_folder import changing, open_or_new
    from ..infer.verifier import FaceVerifier

    if args.faces == "all":
        raise UsageError("--faces all: one face of a photo is a person's", remedy="leave it out, or name best or error")
    photos = _photos_of_people(args)
    verifier = FaceVerifier(**options.read_verification(args, output), threshold=args.threshold)
    embedder = verifier.embedder
    new = Gallery(embedder.sha256, embedder.embedding_size)
    open_or_new(args.gallery, new)  # what is wrong with it is said now, not when all is embedded
    units, left_out = _embed(photos, verifier, output)
    with changing(args.gallery, new) as gallery:
        counts, known = _add(gallery, units)
    alike = gallery.alike(verifier.threshold, units)
    for note in _alike_notes(alike):
        output.note(note)
    without = [person for person in photos if person not in units]
    error = None
    if without:
        error = DataError(
            f"{', '.join(without)}: not enrolled, as no photo of theirs can be used", remedy="give others (--person)"
        )
    again = f" ({known:,} more were in it already)" if known else ""
    output.result(
        f"enrolled {photos_in_words(sum(counts.values()))} of {people_in_words(len(units))}{again}; "
        f"{in_words(args.gallery, gallery)}",
        {
            "gallery": str(args.gallery),
            "enrolled": counts,
            "known_photos": known,
            "left_out": [{"photo": photo.photo, "code": photo.code, "message": photo.reason} for photo in left_out],
            "people_without": without,
            "alike": [{"people": pair[:2], "similarity": pair[2]} for pair in alike],
            "threshold": verifier.threshold,
            "threshold_source": verifier.threshold_details.source,
            "people": len(gallery.people),
            "photos": len(gallery),
            "model": str(embedder.path),
            "model_sha256": embedder.sha256,
            "detector": verifier.detector,
            "provider": embedder.provider,
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


def _embed(
    people: dict[str, list[Path]], verifier: "FaceVerifier", output: Output
) -> "tuple[dict[str, list[NDArray[np.float32]]], list[LeftOut]]":
    """The embeddings of each person who has a usable photo, and the photos that were left out.

    Raises the photo's own error where there is but one and it can't be used, NoFaceError or DataError where all can't.
    """
    from ..align.photo_shards import LeftOut, none_left
    from ..infer.photo_embeddings import embed_each
    from ..progress import progress

    verifier.reader.fit = "scikit-image"
    owners = [person for person, photos in people.items() for _ in photos]
    paths = [photo for photos in people.values() for photo in photos]
    units: dict[str, list[NDArray[np.float32]]] = {}
    left_out = []
    results = embed_each(verifier.reader, verifier.embedder, paths, flip=verifier.flip)
    with progress(len(paths), "photos", output) as advance:
        for person, path, result in zip(owners, paths, results, strict=True):
            advance()
            if isinstance(result, SFaceError):
                if len(paths) == 1:
                    raise result
                left_out.append(LeftOut(str(path), result.code, result.explanation))
                output.note(f"{path}: left out: {result.explanation}")
                continue
            units.setdefault(person, []).append(result.units[0])
            for note in _quality_notes(result.faces[0]):
                output.note(f"{path}: {note}")
    if not units:
        raise none_left(left_out)
    return units, left_out


def _quality_notes(face: "FaceInfo") -> Iterator[str]:
    if face.found > 1:
        yield f"{face.found} faces; one of them was taken (--faces error refuses such photos)"
    if face.quality.sharpness < BLURRED:
        yield f"the face is blurred (sharpness {face.quality.sharpness:.0f}); better give another photo"
    if face.quality.size < SMALL:
        yield f"the face is small ({face.quality.size:.0f} pixels between the eyes); better give another photo"


def _add(gallery: "Gallery", people: "dict[str, list[NDArray[np.float32]]]") -> tuple[dict[str, int], int]:
    """Add what the gallery doesn't hold yet, so that a command may be run again; how many of each, and how many it
    held."""
    import numpy as np

    new: dict[str, Any] = {}
    known = 0
    for person, units in people.items():
        vectors = np.stack(units)
        if person in gallery.people:
            found = [nearest for (nearest,) in gallery.search(vectors)]
            is_new = np.array([not (one.person == person and one.similarity >= SAME_PHOTO) for one in found])
            known += int((~is_new).sum())
            vectors = vectors[is_new]
        if len(vectors):
            new[person] = vectors
    gallery.add(new)
    return {person: len(vectors) for person, vectors in new.items()}, known


def _alike_notes(pairs: list[tuple[str, str, float]]) -> Iterator[str]:
    for one, other, similarity in pairs[:PAIRS_IN_NOTES]:
        yield f"{one} and {other} look alike ({similarity:.2f}): the same person under two names?"
    if len(pairs) > PAIRS_IN_NOTES:
        yield f"{len(pairs) - PAIRS_IN_NOTES:,} more pairs of people look alike; --json lists them"
