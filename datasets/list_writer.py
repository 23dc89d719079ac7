"""Writing training sets as image files that `imgs.txt` lists."""

from collections.abc import Iterable
from pathlib import Path

from .image_sets import LIST, PROPERTY


def fill_with_images(folder: Path, images: Iterable[tuple[str, int, bytes]], *, num_classes: int, size: int) -> None:
    """Write image files, `imgs.txt` and `property` into an empty folder.

    images: of each the path, FOLDER/NAME, the class and the file's bytes; they are written as they come, so that none
    is kept in memory. size: edge of the crops in pixels.
    """
    with (folder / LIST).open("w", encoding="utf-8", newline="\n") as listing:
        for path, label, data in images:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
            listing.write(f"{path}\t{label}\n")
    (folder / PROPERTY).write_text(f"{num_classes},{size},{size}\n")
