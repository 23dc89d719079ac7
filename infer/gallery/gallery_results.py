"""What a gallery answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import SFaceError

if TYPE_CHECKING:
    from ...align.photo_faces import FaceInfo
    from ..verification import ThresholdSource
    from ..verifier import FaceVerifier
    from .gallery import Gallery


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of the gallery, and the largest similarity (a cosine) of one of their photos to the probe."""

    person: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Identification:
    """Who a probe shows.

    person      None where nobody reaches the threshold
    similarity  to the best candidate, a cosine
    margin      how much more alike that is than the best candidate who is another person; None where there is no other
    """

    person: str | None
    similarity: float
    margin: float | None


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """A face of a photo and who it shows; person, similarity, margin: as in `Identification`."""

    face: "FaceInfo"
    person: str | None
    similarity: float
    margin: float | None

    def to_dict(self) -> dict[str, Any]:
        """The face's fields and who it shows, by name, ready for JSON."""
        answer = {"person": self.person, "similarity": self.similarity, "margin": self.margin}
        return {**self.face.to_dict(), **answer}


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryResult:
    """What an enrollment and an identification have in common.

    left_out          why photos gave no face; `path` of each is the photo's path or name
    threshold         a cosine; threshold_source: as in `Verification`
    people, photos    how many the gallery holds now
    model             path of the model file, model_sha256: of its bytes
    detector          the detector that found the faces ("mtcnn", "yunet"; "aligned": the photos were crops)
    provider          what of onnxruntime ran the network
    """

    left_out: tuple[SFaceError, ...]
    threshold: float
    threshold_source: "ThresholdSource"
    people: int
    photos: int
    model: str
    model_sha256: str
    detector: str
    provider: str


def basis(verifier: "FaceVerifier", people: int, photos: int) -> dict[str, Any]:
    """The fields of `GalleryResult` but `left_out`."""
    return {
        "threshold": verifier.threshold,
        "threshold_source": verifier.threshold_details.source,
        "people": people,
        "photos": photos,
        "model": str(verifier.embedder.path),
        "model_sha256": verifier.embedder.sha256,
        "detector": verifier.detector,
        "provider": verifier.embedder.provider,
    }


def aligner_notes(gallery: "Gallery", used: str) -> list[str]:
    """A note where the gallery holds embeddings of another aligner than `used`, or of one that is not known."""
    if not len(gallery) or gallery.aligner == used:
        return []
    names = (gallery.aligner or "an aligner that is not known", used)
    held, now = (name.replace("aligned", "aligned crops") for name in names)
    return [
        f"the gallery was enrolled with {held}, this run uses {now}: such faces compare less exactly; enroll all "
        "photos in a new gallery and identify with the same detector"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment(GalleryResult):
    """What came of enrolling people, with the fields of `GalleryResult`.

    enrolled        number of photos that were added, by person
    known_photos    photos that the gallery held already; they are not added twice
    people_without  people of whom no photo could be used; they are not enrolled
    alike           pairs of people, one of them enrolled now, whose photos reach the threshold, and their similarity:
                    one person under two names, or two people who will be mistaken for each other
    """

    enrolled: dict[str, int]
    known_photos: int
    people_without: tuple[str, ...]
    alike: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifiedPhotos(GalleryResult):
    """Who is on photos, with the fields of `GalleryResult`.

    faces          in the order of the photos
    fmr            the false match rate measured at the threshold, a share; None unless it is the file's
    threshold_set  the set that it was measured on
    fpir           the share of strangers who are taken for somebody in this gallery; None where the FMR isn't known
    timings        milliseconds for all photos together: read, detect, align, embed, search
    notes          lines that a person may want to know
    """

    faces: tuple[IdentifiedFace, ...]
    fmr: float | None
    threshold_set: str | None
    fpir: float | None
    timings: dict[str, float]
    notes: tuple[str, ...]

    @property
    def identified(self) -> bool:
        """Whether every photo could be used and every face is somebody of the gallery."""
        return not self.left_out and all(face.person is not None for face in self.faces)
