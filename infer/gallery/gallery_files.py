"""A gallery's two files: the vectors, and gallery.json, which names them. Whoever reads while they are written sees the
old gallery or the new one, whole."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import files
from ...errors import DataError
from .gallery_description import DESCRIPTION, FORMAT, VECTORS
from .person_vectors import PersonVectors, Vectors

UNIT = 1e-3  # a vector's length may differ from 1 by as much


def write_gallery(
    folder: Path, model_sha256: str, aligner: str | None, people: dict[str, int], vectors: Vectors
) -> None:
    """Write both files, for the eyes of their owner alone, in place of those that are there.

    people: each person's number of vectors. Raises StorageError; then the old gallery remains.
    """

    def write(temporary: Path) -> str:
        np.save(temporary, vectors, allow_pickle=False)
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
        "model_sha256": model_sha256,
        "aligner": aligner,
        "embedding_size": vectors.shape[1],
        "vectors": name,
        "sha256": sha256,
        "people": people,
    }
    files.write_atomically(folder / DESCRIPTION, write_description)
    for left in old:
        (folder / left).unlink(missing_ok=True)


def map_vectors(path: Path, counts: list[int], embedding_size: int) -> PersonVectors:
    """The vectors in a file, read where it lies when they are searched (memory-mapped).

    Raises DataError where they are not those of so many people and of this size, FileNotFoundError.
    """
    try:
        # Unlike np.load it takes neither pickles nor archives.
        vectors: Vectors = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"can't be read ({error})", path=path, remedy="enroll the photos again") from None
    if vectors.dtype != np.float32 or vectors.shape != (sum(counts), embedding_size):
        raise DataError(
            f"holds {vectors.dtype} {vectors.shape}, not what {DESCRIPTION} says", path=path, remedy="enroll again"
        )
    return PersonVectors(vectors, counts)


def check_vectors(path: Path, sha256: str, vectors: Vectors) -> None:
    """Read all of the file. Raises DataError where its sha256 is another, or one is not a unit vector."""
    if files.sha256(path) != sha256:
        raise DataError(
            f"its sha256 is not the one in {DESCRIPTION}: damaged", path=path, remedy="enroll the photos again"
        )
    for start in range(0, len(vectors), 4096):
        if not are_unit(vectors[start : start + 4096]):
            raise DataError("holds what are not unit vectors", path=path, remedy="enroll the photos again")


def are_unit(vectors: NDArray[np.float32]) -> bool:
    """Whether all vectors have the length 1."""
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT).all())
