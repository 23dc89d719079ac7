"""gallery.json: whose a gallery's vectors are, and of which network and aligner."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...errors import DataError

FORMAT = 1
DESCRIPTION = "gallery.json"
VECTORS = "embeddings-{}.npy"

T = TypeVar("T")


def describe(folder: Path) -> tuple[dict[str, Any], Path]:
    """What the description of the gallery in `folder` says, and the path of the vectors. Raises DataError."""
    file = folder / DESCRIPTION
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        if fields["format"] != FORMAT:
            raise DataError(f"written by a later version (format {fields['format']})", path=file, remedy="update sface")
        people, size, name = fields["people"], fields["embedding_size"], fields["vectors"]
        aligner = fields.setdefault("aligner", None)
        right = (
            isinstance(people, dict)
            and all(type(count) is int and count > 0 for count in people.values())
            and type(size) is int
            and size > 0
            and all(isinstance(fields[text], str) for text in ("vectors", "sha256", "model_sha256"))
            and Path(name).name == name  # it leads to no other folder
            and (aligner is None or (isinstance(aligner, str) and aligner.isprintable()))
        )
        if not right:
            raise ValueError("a field is of another kind")
    except FileNotFoundError:
        raise DataError("there is no gallery", path=folder, remedy="enroll somebody first") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"is no gallery, or a damaged one ({error})", path=file, remedy="enroll the photos again"
        ) from None
    return fields, folder / name


def read_vectors(folder: Path, read: Callable[[dict[str, Any], Path], T]) -> T:
    """What `read` makes of the description and the path of the vectors; once more where another process has replaced
    both meanwhile. Raises DataError where the vectors are gone, and what `read` raises."""
    while True:
        fields, path = describe(folder)
        try:
            return read(fields, path)
        except FileNotFoundError:
            if describe(folder)[1] == path:
                raise DataError("is missing", path=path, remedy="enroll the photos again") from None
