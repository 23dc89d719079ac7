"""People and the embeddings of their photos: who is this (1:N)?

On disk a gallery is a folder: gallery.json says whose the vectors are, and of which network; embeddings-XXXX.npy holds
them, float32 (N, D) unit vectors, a person's next to each other. It is read where it lies (memory-mapped). A change is
a new file of vectors, then a new gallery.json: whoever reads meanwhile, or after a crash, has the old gallery whole.

Embeddings are personal data: keep a gallery as you would keep the photos.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import files
from ...errors import DataError, ModelError, UsageError
from .gallery_description import DESCRIPTION, FORMAT, VECTORS, read_vectors

# Similarities held at once, 4 MB.
BLOCK = 1 << 20
# So few probes are multiplied one by one: for a product of matrices BLAS rearranges the vectors, which takes longer.
FEW = 2
UNIT = 1e-3  # a vector's length may differ from 1 by as much

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of the gallery, and the largest similarity (a cosine) of one of their photos to the probe."""

    person: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Identification:
    """Who a probe shows. person: None where nobody reaches the threshold. similarity: of the best candidate. margin: to
    the best candidate that is another person; None where there is no other."""

    person: str | None
    similarity: float
    margin: float | None


class Gallery:
    """Embeddings of people, to search in. Not to be changed by several threads at once; any number may search.

    model_sha256    of the file of the network that gives the embeddings (`FaceEmbedder.sha256`)
    embedding_size  D
    """

    def __init__(self, model_sha256: str, embedding_size: int) -> None:
        self.model_sha256, self.embedding_size = model_sha256, embedding_size
        self._people: list[str] = []
        self._starts = np.zeros(1, dtype=np.int64)  # (people + 1,): where each person's vectors begin
        self._vectors: Vectors = np.empty((0, embedding_size), dtype=np.float32)

    def __len__(self) -> int:
        """The number of embeddings."""
        return len(self._vectors)

    @property
    def people(self) -> dict[str, int]:
        """Each person's number of embeddings, in the order in which they were added."""
        return dict(zip(self._people, np.diff(self._starts).tolist(), strict=True))

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
                parts.append(self._between(index, index + 1))
            parts.append(new.get(person, nothing))
        counts = self.people
        self._put(names, [counts.get(person, 0) + len(new.get(person, ())) for person in names], parts)

    def remove(self, person: str) -> int:
        """Remove a person with all embeddings; gives how many. Raises UsageError where there is no such person."""
        if person not in self._people:
            raise UsageError(f"{person!r} is not in the gallery")
        index = self._people.index(person)
        start, stop = self._starts[index : index + 2].tolist()
        counts = np.delete(np.diff(self._starts), index).tolist()
        names = self._people[:index] + self._people[index + 1 :]
        self._put(names, counts, [self._vectors[:start], self._vectors[stop:]])
        return int(stop - start)

    def search(self, probes: ArrayLike, top: int = 1) -> list[list[Candidate]]:
        """For each probe, float32 (M, D) unit vectors, up to `top` people, the most similar first.

        Exact: every embedding is compared. Raises UsageError where the probes are not such vectors.
        """
        if top < 1:
            raise UsageError(f"top={top}: must be 1 or more")
        vectors = self._checked("a probe", probes)
        top = min(top, len(self._people))
        best = np.full((len(vectors), top), -np.inf, dtype=np.float32)
        who = np.zeros((len(vectors), top), dtype=np.int64)
        for first, last in self._blocks(max(1, BLOCK // len(vectors))):
            similarities = _products(vectors, self._between(first, last))
            # Sorting takes longer than the product: only where the block has somebody better than those found so far.
            rows = np.flatnonzero(similarities.max(axis=1) > best.min(axis=1))
            by_person = self._by_person(similarities[rows], first, last)
            found = _largest(by_person, top)
            values = np.concatenate([best[rows], np.take_along_axis(by_person, found, axis=1)], axis=1)
            people = np.concatenate([who[rows], found + first], axis=1)
            kept = _largest(values, top)
            best[rows] = np.take_along_axis(values, kept, axis=1)
            who[rows] = np.take_along_axis(people, kept, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        best, who = np.take_along_axis(best, order, axis=1).clip(-1, 1), np.take_along_axis(who, order, axis=1)
        return [
            [Candidate(self._people[person], float(value)) for person, value in zip(*found, strict=True)]
            for found in zip(who, best, strict=True)
        ]

    def identify(self, probes: ArrayLike, threshold: float) -> list[Identification]:
        """Who each probe shows, if the similarity reaches `threshold`, a cosine; else nobody (open set).

        Raises UsageError as `search`, and where the gallery is empty or `threshold` is no cosine.
        """
        if not -1 <= threshold <= 1:  # nor is NaN
            raise UsageError(f"threshold {threshold}: must be a cosine, from -1 to 1")
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
        chosen = {index for index, person in enumerate(self._people) if among is None or person in among}
        pairs = []
        for index in sorted(chosen):
            probes = self._between(index, index + 1)
            for first, last in self._blocks(max(1, BLOCK // len(probes)), index + 1 if among is None else 0):
                similarities = self._by_person(_products(probes, self._between(first, last)), first, last).max(axis=0)
                for other in (first + np.flatnonzero(similarities >= threshold)).tolist():
                    if other > index or other not in chosen:  # each pair once
                        one, two = sorted((index, other))
                        similarity = float(min(similarities[other - first], 1))
                        pairs.append((self._people[one], self._people[two], similarity))
        return sorted(pairs, key=lambda pair: -pair[2])

    def save(self, folder: Path) -> None:
        """Write the gallery to `folder`, in place of one that is there, for the eyes of its owner alone. Not to be done
        by two processes at once, see `gallery_folder.changing`. Raises StorageError; then the old one remains."""

        def write(temporary: Path) -> str:
            np.save(temporary, self._vectors, allow_pickle=False)
            temporary.chmod(0o600)
            return files.sha256(temporary)

        def write_description(temporary: Path) -> None:
            temporary.write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            temporary.chmod(0o600)

        # Under a name of its own: the file that readers have open stays what it was until gallery.json names another.
        old = {path.name for path in folder.glob(VECTORS.format("*"))}
        number = 1 + max((int(name[11:-4]) for name in old if name[11:-4].isdecimal()), default=0)
        name = VECTORS.format(number)
        sha256 = files.write_atomically(folder / name, write)
        fields = {
            "format": FORMAT,
            "model_sha256": self.model_sha256,
            "embedding_size": self.embedding_size,
            "vectors": name,
            "sha256": sha256,
            "people": self.people,
        }
        files.write_atomically(folder / DESCRIPTION, write_description)
        for left in old:
            (folder / left).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path, model_sha256: str | None = None) -> "Gallery":
        """Open the gallery in `folder`; its vectors are read when they are searched.

        model_sha256: of the network that it has to be of. Raises DataError where it is missing or damaged, ModelError
        where it is of another network.
        """
        return read_vectors(folder, lambda fields, path: cls._load(fields, path, model_sha256))

    @classmethod
    def _load(cls, fields: dict[str, Any], path: Path, model_sha256: str | None = None) -> "Gallery":
        folder = path.parent
        gallery = cls(fields["model_sha256"], fields["embedding_size"])
        if model_sha256 is not None and model_sha256 != gallery.model_sha256:
            raise ModelError(
                "its embeddings are of another network", path=folder, remedy="enroll the photos again with this one"
            )
        try:
            # Unlike np.load it takes neither pickles nor archives.
            vectors: Vectors = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"can't be read ({error})", path=path, remedy="enroll the photos again") from None
        counts = list(fields["people"].values())
        if vectors.dtype != np.float32 or vectors.shape != (sum(counts), gallery.embedding_size):
            raise DataError(
                f"holds {vectors.dtype} {vectors.shape}, not what {DESCRIPTION} says", path=path, remedy="enroll again"
            )
        gallery._people = list(fields["people"])
        gallery._starts = _starts(counts)
        gallery._vectors = vectors
        return gallery

    @staticmethod
    def check(folder: Path) -> None:
        """Read the whole gallery in `folder`. Raises DataError where a bit of its vectors has changed, or one is not a
        unit vector."""

        def check(fields: dict[str, Any], path: Path) -> None:
            gallery = Gallery._load(fields, path)
            if files.sha256(path) != fields["sha256"]:
                raise DataError(
                    f"its sha256 is not the one in {DESCRIPTION}: damaged", path=path, remedy="enroll the photos again"
                )
            for start in range(0, len(gallery), 4096):
                if not _are_unit(gallery._vectors[start : start + 4096]):
                    raise DataError("holds what are not unit vectors", path=path, remedy="enroll the photos again")

        read_vectors(folder, check)

    def _put(self, people: list[str], counts: list[int], parts: list[Vectors]) -> None:
        vectors = np.concatenate(parts) if parts else np.empty((0, self.embedding_size), dtype=np.float32)
        self._people, self._starts, self._vectors = people, _starts(counts), vectors

    def _checked(self, name: object, vectors: ArrayLike) -> Vectors:
        # No surrogates, which stand for what is no UTF-8 in a file's name.
        if not isinstance(name, str) or name.splitlines() != [name] or name != name.encode("utf-8", "ignore").decode():
            raise UsageError(f"{name!r}: a person's name must be a text of one line, and not empty")
        array = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if array.ndim != 2 or array.shape[1] != self.embedding_size or not len(array) or not _are_unit(array):
            raise UsageError(f"{name}: {array.shape} are not unit vectors (n, {self.embedding_size})")
        return array

    def _blocks(self, rows: int, first: int = 0) -> list[tuple[int, int]]:
        """Runs of people (first, last + 1) from person `first` on, of about `rows` vectors each; no person is cut."""
        blocks = []
        while first < len(self._people):
            last = int(np.searchsorted(self._starts, self._starts[first] + rows, side="right")) - 1
            last = max(last, first + 1)
            blocks.append((first, last))
            first = last
        return blocks

    def _between(self, first: int, last: int) -> Vectors:
        """The vectors of the people `first` .. `last` - 1."""
        return self._vectors[self._starts[first] : self._starts[last]]

    def _by_person(self, similarities: Vectors, first: int, last: int) -> Vectors:
        """Of similarities (M, vectors of the people `first` .. `last` - 1) the largest of each person, (M, people)."""
        if similarities.shape[1] == last - first:
            return similarities
        return np.asarray(np.maximum.reduceat(similarities, self._starts[first:last] - self._starts[first], axis=1))


def _starts(counts: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _products(probes: Vectors, vectors: Vectors) -> Vectors:
    """The similarities (M, N) of probes (M, D) and vectors (N, D)."""
    return np.stack([vectors @ probe for probe in probes]) if len(probes) <= FEW else probes @ vectors.T


def _largest(values: Vectors, count: int) -> NDArray[np.int64]:
    """The columns of the `count` largest of each row, in any order."""
    if values.shape[1] <= count:
        return np.tile(np.arange(values.shape[1]), (len(values), 1))
    indices: NDArray[np.int64] = np.argpartition(values, -count, axis=1)[:, -count:]
    return indices


def _are_unit(vectors: Vectors) -> bool:
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT).all())
