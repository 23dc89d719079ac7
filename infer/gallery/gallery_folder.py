"""Galleries on disk: changed by one process at a time, and what a killed one left of personal data is removed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ... import files
from ...errors import UsageError
from ...output import Output
from .gallery import Gallery, GalleryNetwork
from .gallery_description import DESCRIPTION, VECTORS
from .gallery_results import Enrollment, IdentifiedPhotos

if TYPE_CHECKING:
    from ...align.image_file import Color
    from ...align.photo_faces import Photo
    from ..verifier import FaceVerifier


def open_gallery(folder: str | os.PathLike[str], embedder: GalleryNetwork | None = None) -> Gallery:
    """The gallery in `folder`, every bit of it checked. Raises what `Gallery.load` and `Gallery.check` raise."""
    gallery = Gallery.load(folder, embedder)
    Gallery.check(folder)
    return gallery


@contextmanager
def change_gallery(folder: str | os.PathLike[str], embedder: GalleryNetwork | None = None) -> Iterator[Gallery]:
    """Gives the gallery in `folder`, to be changed; saves it where the block ends without an error. Other processes
    that want to change it wait.

    embedder: the network that it has to be of; with it a gallery is made where there is none.

    Raises what `open_gallery` and `Gallery.save` raise, UsageError where the folder holds something else; then the
    gallery on disk is what it was.
    """
    folder = Path(folder)
    if embedder is not None:
        with files.storing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.alone_in(folder):
        gallery = open_gallery(folder) if embedder is None else _open_or_new(folder, embedder)
        yield gallery
        with files.storing(folder):
            for name in (VECTORS.format("*"), DESCRIPTION):
                files.remove_half_written(folder / name)
        gallery.save(folder)


def enroll(
    folder: str | os.PathLike[str],
    people: "Mapping[str, Sequence[Photo]]",
    verifier: "FaceVerifier",
    *,
    color: "Color" = "rgb",
    output: Output | None = None,
) -> Enrollment:
    """Add people's photos to the gallery in `folder`, which is made where there is none; see `Gallery.enroll`.

    The photos are embedded first; only then do other processes that change the gallery wait. Raises what
    `Gallery.enroll` and `change_gallery` raise; then the gallery on disk is what it was.
    """
    from .enrollment import add_people, describe_enrollment, embed_people

    _open_or_new(Path(folder), verifier.embedder)  # what is wrong with it is said now, not when all is embedded
    output = output or Output(quiet=True)
    embedded = embed_people(people, verifier, color=color, output=output)
    with change_gallery(folder, verifier.embedder) as gallery:
        added = add_people(gallery, embedded, output)
    return describe_enrollment(gallery, embedded, added, verifier)  # while others may change it again


def identify(
    folder: str | os.PathLike[str],
    photos: "Sequence[Photo]",
    verifier: "FaceVerifier",
    *,
    color: "Color" = "rgb",
    output: Output | None = None,
) -> IdentifiedPhotos:
    """Who is on photos, of the people of the gallery in `folder`; see `Gallery.identify`.

    Every bit of the gallery is checked first: for many calls open it once, with `open_gallery`. Raises what
    `open_gallery` and `Gallery.identify` raise.
    """
    return open_gallery(folder, verifier.embedder).identify(photos, verifier, color=color, output=output)


def _open_or_new(folder: Path, embedder: GalleryNetwork) -> Gallery:
    """The gallery in `folder`, which must be of this network; a new one where there is none yet."""
    if (folder / DESCRIPTION).exists():
        return open_gallery(folder, embedder)
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no folder", path=folder, remedy="name one for the gallery")
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if any(not path.match(VECTORS.format("*")) and path.name[0] != "." for path in entries):
        raise UsageError("holds something else than a gallery", path=folder, remedy="name a new folder")
    return Gallery(embedder)
