"""Photos of people → their embeddings in a gallery."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...align.image_file import Color
from ...align.photo_faces import FaceInfo, Photo
from ...align.photo_shards import LeftOut, none_left
from ...errors import SFaceError, UsageError
from ...output import Output
from ...progress import progress
from ..photo_embeddings import as_list, embed_each
from ..verifier import FaceVerifier
from .gallery_results import Enrollment, aligner_notes, basis

if TYPE_CHECKING:
    from .gallery import Gallery

# Notes on photos of which little can be recognised, see `align.quality.Quality`.
BLURRED = 100  # sharpness
SMALL = 20  # pixels between the eyes

# The similarity of a photo and itself, less what rounding may take from it.
SAME_PHOTO = 0.99999


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EmbeddedPeople:
    """People's embeddings, to be added to a gallery.

    units     of each person who has a usable photo float32 (n, D), unit vectors
    without   people who have none
    left_out  why photos gave no face
    aligner   of the verifier
    """

    units: dict[str, NDArray[np.float32]]
    without: tuple[str, ...]
    left_out: tuple[SFaceError, ...]
    aligner: str


def embed_people(
    people: Mapping[str, Sequence[Photo]], verifier: FaceVerifier, *, color: Color, output: Output
) -> EmbeddedPeople:
    """Embed one face of each photo; notes name photos that are left out or of which little can be recognised.

    Raises UsageError where the verifier takes all faces of a photo, or there is no photo; the photo's own error where
    there is but one and it can't be used, NoFaceError or DataError where all can't.
    """
    if verifier.reader.faces == "all":
        raise UsageError(
            "faces all: one face of a photo is a person's",
            remedy="leave it out, or name best or error",
            argument="faces",
        )
    named = [
        (person, photo, number)
        for person, photos in people.items()
        for number, photo in enumerate(as_list(photos, f"the photos of {person}"), 1)
    ]
    if not named:
        raise UsageError("there is no photo to enroll")
    units: dict[str, list[NDArray[np.float32]]] = {}
    left_out = []
    results = embed_each(
        verifier.reader.with_fit("scikit-image"),
        verifier.embedder,
        [(photo, f"photo {number} of {person}") for person, photo, number in named],
        flip=verifier.flip,
        color=color,
        threads=verifier.threads,
    )
    with progress(len(named), "photos", output) as advance:
        for (person, _, _), result in zip(named, results, strict=True):
            advance()
            if isinstance(result, SFaceError):
                if len(named) == 1:
                    raise result
                left_out.append(result)
                output.note(f"{result.path}: left out: {output.explanation(result)}")
                continue
            units.setdefault(person, []).append(result.units[0])
            for note in _quality_notes(result.faces[0], output):
                output.note(note)
    if not units:
        raise none_left([LeftOut(str(error.path), error.code, error.explanation) for error in left_out])
    return EmbeddedPeople(
        {person: np.stack(vectors) for person, vectors in units.items()},
        tuple(person for person in people if person not in units),
        tuple(left_out),
        verifier.aligner,
    )


@dataclass(frozen=True, slots=True)
class AddedPhotos:
    """How many photos were added, by person, and how many the gallery held already."""

    enrolled: dict[str, int]
    known: int


def add_people(gallery: "Gallery", people: EmbeddedPeople, output: Output) -> AddedPhotos:
    """Add the embeddings that the gallery doesn't hold yet; a note where they are of another aligner.

    Raises what `Gallery.add` raises; then nothing is added.
    """
    new: dict[str, NDArray[np.float32]] = {}
    known = 0
    for person, vectors in people.units.items():
        is_new = _is_new(gallery, person, vectors)
        known += int((~is_new).sum())
        if is_new.any():
            new[person] = vectors[is_new]
    aligner, notes = _aligner_with(gallery, people.aligner), aligner_notes(gallery, people.aligner)
    gallery.add(new)
    if new:
        gallery.aligner = aligner
        for note in notes:
            output.note(note)
    return AddedPhotos({person: len(vectors) for person, vectors in new.items()}, known)


def describe_enrollment(
    gallery: "Gallery", people: EmbeddedPeople, added: AddedPhotos, verifier: FaceVerifier
) -> Enrollment:
    """What came of it. Looks for people who are alike, which takes long in a large gallery."""
    return Enrollment(
        enrolled=added.enrolled,
        known_photos=added.known,
        people_without=people.without,
        alike=tuple(gallery.alike(verifier.threshold, people.units)),
        left_out=people.left_out,
        **basis(verifier, len(gallery.people), len(gallery)),
    )


def _aligner_with(gallery: "Gallery", used: str) -> str | None:
    """The gallery's aligner once it also holds embeddings of `used`."""
    if not len(gallery):
        return used
    if gallery.aligner is None or used in gallery.aligner.split(", "):
        return gallery.aligner
    return f"{gallery.aligner}, {used}"


def _is_new(gallery: "Gallery", person: str, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of a person's embeddings, (n,), are not those of a photo that the gallery holds under the same name."""
    if person not in gallery.people:
        return np.ones(len(vectors), dtype=np.bool_)
    nearest = [found for (found,) in gallery.search(vectors)]
    return np.array([not (one.person == person and one.similarity >= SAME_PHOTO) for one in nearest])


def _quality_notes(face: FaceInfo, output: Output) -> Iterator[str]:
    if face.found > 1:
        faces = output.setting("faces", "error")
        yield f"{face.photo}: {face.found} faces; one of them was taken ({faces} refuses such photos)"
    if face.quality.sharpness < BLURRED:
        sharpness = f"{face.quality.sharpness:.0f}"
        yield f"{face.photo}: the face is blurred (sharpness {sharpness}); better give another photo"
    if face.quality.size < SMALL:
        size = f"{face.quality.size:.0f}"
        yield f"{face.photo}: the face is small ({size} pixels between the eyes); better give another photo"
