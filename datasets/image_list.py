"""Training sets whose crops are image files, listed in `imgs.txt`: read and written."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import DataError
from .image_sets import ImageSet
from .set_files import LIST, PROPERTY, read_picture, read_property, read_text


class ListedImages(ImageSet):
    """A set whose crops are image files, listed in `imgs.txt`."""

    kind = LIST

    def __init__(self, root: Path) -> None:
        super().__init__(root, *read_property(root))
        self._folder = os.path.abspath(root)  # noqa: PTH100 (Path can't take ".." out of a path without the disk)
        self._paths: list[str] = []
        labels = []
        # Not splitlines: it would also split at characters that a file's name may hold.
        for number, line in enumerate(read_text(root / LIST).split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{root / LIST}: line {number}"
            path, label = _split_line(line, where)
            self._paths.append(self._inside(path, where))
            labels.append(self._checked_label(label, where))
        if not labels:
            raise DataError("lists no image; each line is a path, white space and a label", path=root / LIST)
        self.labels = np.array(labels, dtype=np.int32)

    def _inside(self, path: str, where: str) -> str:
        """The path without "..", which must be inside the folder. Links in the folder may lead elsewhere."""
        full = os.path.normpath(os.path.join(self._folder, path))  # noqa: PTH118
        if not full.startswith(os.path.join(self._folder, "")):  # noqa: PTH118
            raise DataError(f"{path} is outside {self.root}", path=where, remedy="list only files inside the folder")
        return full

    def where(self, index: int) -> str:
        return self._paths[index]

    def encoded(self, index: int) -> bytes:
        return read_picture(self._paths[index])


def fill_with_images(folder: Path, images: Iterable[tuple[str, int, bytes]], *, num_classes: int, size: int) -> None:
    """Write image files, `imgs.txt` and `property` into an empty folder.

    images: of each the path, FOLDER/NAME, the class and the file's bytes; they are written as they come, so that none
    is kept in memory. size: side of the crops in pixels.
    """
    with (folder / LIST).open("w", encoding="utf-8", newline="\n") as listing:
        for path, label, data in images:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
            listing.write(f"{path}\t{label}\n")
    (folder / PROPERTY).write_text(f"{num_classes},{size},{size}\n")


def _split_line(line: str, where: str) -> tuple[str, int]:
    try:
        path, label = line.rsplit(None, 1)
        return path, int(label)
    except ValueError:
        raise DataError(f"{line.strip()[:80]!r} is not a path, white space and a whole number", path=where) from None
