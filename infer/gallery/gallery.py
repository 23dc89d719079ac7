"""People and the embeddings of their photos: who is this (1:N)?

On disk a gallery is a folder: gallery.json says whose the vectors are, and of which network and aligner;
embeddings-XXXX.npy holds them, float32 (N, D) unit vectors, a person's next to each other. It is read where it lies
(memory-mapped). A change is a new file of vectors, then a new gallery.json: whoever reads meanwhile, or after a crash,
has the old gallery whole.

Embeddings are personal data: keep a gallery as you would keep the photos.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ModelError, UsageError
from ...output import Output
from .gallery_description import read_vectors
from .gallery_files import are_unit, check_vectors, map_vectors, write_gallery
from .gallery_results import Candidate, Enrollment, Identification, IdentifiedPhotos
from .person_vectors import PersonVectors, Vectors

if TYPE_CHECKING:
    from ...align.image_file import Color
    from ...align.photo_faces import Photo
    from ..verifier import FaceVerifier


class GalleryNetwork(Protocol):
    """The network that gives a gallery's embeddings: a `FaceEmbedder`, or what says the same of it."""

    @property
    def sha256(self) -> str:
        """Of the bytes of its file."""
        ...

    @property
    def embedding_size(self) -> int:
        """D."""
        ...


class Gallery:
    """Embeddings of people, to search in. Not to be changed by several threads at once; any number may search.

    embedder  the network that gives the embeddings; those of another can't be compared with them

    Attributes: model_sha256, of the network's file; embedding_size, D; aligner, of the photos that were enrolled
    ("yunet+onet-1"; several with commas between), None where it isn't known: set it where you `add` embeddings.
    """

    def __init__(self, embedder: GalleryNetwork) -> None:
        self.model_sha256, self.embedding_size = embedder.sha256, embedder.embedding_size
        self.aligner: str | None = None
        self._people: list[str] = []
        self._vectors = PersonVectors(np.empty((0, self.embedding_size), dtype=np.float32), [])

    def __len__(self) -> int:
        """The number of embeddings."""
        return len(self._vectors.all)

    @property
    def people(self) -> dict[str, int]:
        """Each person's number of embeddings, in the order in which they were added."""
        return dict(zip(self._people, self._vectors.counts, strict=True))

    def enroll(
        self,
        people: "Mapping[str, Sequence[Photo]]",
        verifier: "FaceVerifier",
        *,
        color: "Color" = "rgb",
        output: Output | None = None,
    ) -> Enrollment:
        """Add people's photos: name → photos. Photos that are there already, under the same name, are not added twice.

        verifier  finds and embeds one face of each photo; its network must be the gallery's
        color     the order of the channels of photos that are arrays: "rgb", or "bgr" as OpenCV has it
        output    receives progress, and notes on photos that are left out or of which little can be recognised, and on
                  another aligner than the gallery's

        Photos that can't be used are left out; who has no other one is not enrolled. Raises ModelError for another
        network, UsageError where the verifier takes all faces of a photo, there is no photo, or a name is empty or no
        line of text; the photo's own error where there is but one and it can't be used, NoFaceError or DataError where
        all can't. Then nothing is added.
        """
        from .enrollment import add_people, describe_enrollment, embed_people

        self._must_be_of(verifier.embedder)
        output = output or Output(quiet=True)
        embedded = embed_people(people, verifier, color=color, output=output)
        return describe_enrollment(self, embedded, add_people(self, embedded, output), verifier)

    def identify(
        self,
        photos: "Sequence[Photo]",
        verifier: "FaceVerifier",
        *,
        color: "Color" = "rgb",
        output: Output | None = None,
    ) -> IdentifiedPhotos:
        """Who is on photos, of the people in the gallery; nobody below the verifier's threshold (open set).

        verifier  finds and embeds the faces that its `faces` chooses; its network must be the gallery's
        color     the order of the channels of photos that are arrays: "rgb", or "bgr" as OpenCV has it
        output    receives notes

        Photos that can't be used are left out. Raises ModelError for another network, UsageError where there is no
        photo or the gallery is empty, the first photo's error where none can be used.
        """
        from .identification import identify_photos

        self._must_be_of(verifier.embedder)
        return identify_photos(self, photos, verifier, color=color, output=output or Output(quiet=True))

    def add(self, people: Mapping[str, ArrayLike]) -> None:
        """Add people, or embeddings of people who are there: name → float32 (n, D), or (D,), unit vectors.

        All at once or, where one is refused, none: add many in one call, as the vectors are put together anew. Raises
        UsageError for a name that is empty or no line of text, or what are not such unit vectors.
        """
        new = {person: self._checked(person, vectors) for person, vectors in people.items()}
        old = set(self._people)
        names = [*self._people, *(person for person in new if person not in old)]
        nothing = np.empty((0, self.embedding_size), dtype=np.float32)
        parts = []
        for index, person in enumerate(names):
            if index < len(self._people):
                parts.append(self._vectors.between(index, index + 1))
            parts.append(new.get(person, nothing))
        counts = self.people
        self._put(names, [counts.get(person, 0) + len(new.get(person, ())) for person in names], parts)

    def remove(self, person: str) -> int:
        """Remove a person with all embeddings; gives how many. Raises UsageError where there is no such person."""
        if person not in self._people:
            raise UsageError(f"{person!r} is not in the gallery")
        index, count = self._people.index(person), len(self._people)
        counts = self._vectors.counts
        removed = counts.pop(index)
        names = self._people[:index] + self._people[index + 1 :]
        self._put(names, counts, [self._vectors.between(0, index), self._vectors.between(index + 1, count)])
        return removed

    def search(self, probes: ArrayLike, top: int = 1) -> list[list[Candidate]]:
        """For each probe, float32 (M, D) unit vectors, up to `top` people, the most similar first.

        Exact: every embedding is compared. Raises UsageError where the probes are not such vectors.
        """
        if top < 1:
            raise UsageError(f"top={top}: must be 1 or more", argument="top")
        who, best = self._vectors.search(self._checked("a probe", probes), top)
        return [
            [Candidate(self._people[person], float(value)) for person, value in zip(*found, strict=True)]
            for found in zip(who, best, strict=True)
        ]

    def identify_embeddings(self, probes: ArrayLike, threshold: float) -> list[Identification]:
        """Who each probe shows, if the similarity reaches `threshold`, a cosine; else nobody (open set).

        probes: float32 (M, D), or (D,), unit vectors. Raises UsageError as `search`, and where the gallery is empty or
        `threshold` is no cosine.
        """
        if not -1 <= threshold <= 1:  # nor is NaN
            raise UsageError(f"threshold {threshold}: must be a cosine, from -1 to 1", argument="threshold")
        if not self._people:
            raise UsageError("the gallery is empty", remedy="add somebody first")
        results = []
        for best, *others in self.search(probes, top=2):
            margin = best.similarity - others[0].similarity if others else None
            person = best.person if best.similarity >= threshold else None
            results.append(Identification(person, best.similarity, margin))
        return results

    def alike(self, threshold: float, among: Collection[str] | None = None) -> list[tuple[str, str, float]]:
        """Pairs of people of whom two photos have a similarity of `threshold` or more, the most similar first: the same
        person under two names, or two people who will be mistaken for each other.

        among: only pairs with one of these people.
        """
        chosen = None if among is None else {index for index, person in enumerate(self._people) if person in among}
        pairs = self._vectors.alike(threshold, chosen)
        named = [(self._people[one], self._people[other], similarity) for one, other, similarity in pairs]
        return sorted(named, key=lambda pair: -pair[2])

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the gallery to `folder`, in place of one that is there, for the eyes of its owner alone. Not to be done
        by two processes at once, see `change_gallery`. Raises StorageError; then the old one remains."""
        write_gallery(Path(folder), self.model_sha256, self.aligner, self.people, self._vectors.all)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], embedder: GalleryNetwork | None = None) -> "Gallery":
        """Open the gallery in `folder`; its vectors are read when they are searched.

        embedder: the network that it has to be of. Raises DataError where it is missing or damaged, ModelError where it
        is of another network.
        """

        return read_vectors(Path(folder), lambda fields, path: cls._mapped(fields, path, embedder))

    @staticmethod
    def check(folder: str | os.PathLike[str]) -> None:
        """Read the whole gallery in `folder`. Raises DataError where a bit of its vectors has changed, or one is not a
        unit vector."""

        def check(fields: dict[str, Any], path: Path) -> None:
            check_vectors(path, fields["sha256"], Gallery._mapped(fields, path)._vectors.all)

        read_vectors(Path(folder), check)

    @classmethod
    def _mapped(cls, fields: dict[str, Any], path: Path, embedder: GalleryNetwork | None = None) -> "Gallery":
        """The gallery that a description says, with the vectors in the file `path`, which are read when searched."""
        gallery = cls(_Network(fields["model_sha256"], fields["embedding_size"]))
        if embedder is not None:
            gallery._must_be_of(embedder, str(path.parent))
        gallery.aligner, gallery._people = fields["aligner"], list(fields["people"])
        gallery._vectors = map_vectors(path, list(fields["people"].values()), gallery.embedding_size)
        return gallery

    def _must_be_of(self, embedder: GalleryNetwork, name: str = "the gallery") -> None:
        if embedder.sha256 != self.model_sha256:
            raise ModelError(
                "its embeddings are of another network", path=name, remedy="enroll the photos again with this one"
            )

    def _put(self, people: list[str], counts: list[int], parts: list[Vectors]) -> None:
        vectors = np.concatenate(parts) if parts else np.empty((0, self.embedding_size), dtype=np.float32)
        self._people, self._vectors = people, PersonVectors(vectors, counts)

    def _checked(self, name: object, vectors: ArrayLike) -> Vectors:
        # No surrogates, which stand for what is no UTF-8 in a file's name.
        if not isinstance(name, str) or name.splitlines() != [name] or name != name.encode("utf-8", "ignore").decode():
            raise UsageError(f"{name!r}: a person's name must be a text of one line, and not empty")
        array = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if array.ndim != 2 or array.shape[1] != self.embedding_size or not len(array) or not are_unit(array):
            raise UsageError(f"{name}: {array.shape} are not unit vectors (n, {self.embedding_size})")
        return array


@dataclass(frozen=True, slots=True)
class _Network:
    """A network that is known by what a gallery says of it."""

    sha256: str
    embedding_size: int
