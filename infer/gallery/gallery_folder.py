"""Changing a gallery on disk: one process at a time, and what a killed one left of personal data is removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ... import files
from ...errors import UsageError
from .gallery import Gallery
from .gallery_description import DESCRIPTION, VECTORS


def open_gallery(folder: Path, model_sha256: str | None = None) -> Gallery:
    """The gallery in `folder`, every bit of it checked. Raises what `Gallery.load` and `Gallery.check` raise."""
    gallery = Gallery.load(folder, model_sha256)
    Gallery.check(folder)
    return gallery


def open_or_new(folder: Path, new: Gallery) -> Gallery:
    """The gallery in `folder`, which must be of the network of `new`; where none is there yet, `new`.

    Raises what `open_gallery` raises, UsageError where the folder holds something else.
    """
    if (folder / DESCRIPTION).exists():
        return open_gallery(folder, new.model_sha256)
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no folder", path=folder, remedy="name one for the gallery")
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if any(not path.match(VECTORS.format("*")) and path.name[0] != "." for path in entries):
        raise UsageError("holds something else than a gallery", path=folder, remedy="name a new folder")
    return new


@contextmanager
def changing(folder: Path, new: Gallery | None = None) -> Iterator[Gallery]:
    """Gives the gallery in `folder` or, where there is none, `new`; saves it where the block ends without an error.
    Other processes that want to change it wait.

    Raises what `open_gallery`, `open_or_new` and `Gallery.save` raise; then the gallery on disk is what it was.
    """
    if new is not None:
        with files.storing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.alone_in(folder):
        gallery = open_gallery(folder) if new is None else open_or_new(folder, new)
        yield gallery
        with files.storing(folder):
            for name in (VECTORS.format("*"), DESCRIPTION):
                files.remove_half_written(folder / name)
        gallery.save(folder)
