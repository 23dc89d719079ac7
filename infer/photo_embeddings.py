"""Photos → the faces taken from each with their embeddings, or why it gives none."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..align.image_file import Color
from ..align.photo_faces import FaceInfo, Photo, PhotoFaces, PhotoReader
from ..errors import ImageError, NoFaceError, SeveralFacesError, SFaceError, UsageError
from .embedder import FaceEmbedder


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEmbeddings:
    """The faces taken from a photo: N >= 1.

    faces    N
    units    float32 (N, D), their embeddings as unit vectors
    timings  milliseconds: read, detect, align, embed
    """

    faces: tuple[FaceInfo, ...]
    units: NDArray[np.float32]
    timings: dict[str, float]


def as_list(photos: Iterable[Photo], name: str = "photos") -> list[Photo]:
    """The photos of a call. Raises UsageError for one photo alone, whose letters or rows would be taken for photos."""
    is_photo = isinstance(photos, (str, bytes, os.PathLike)) or hasattr(photos, "read") or hasattr(photos, "getexif")
    if is_photo or (isinstance(photos, np.ndarray) and photos.ndim < 4):
        raise UsageError(f"{name} are one photo alone", remedy="give a list of photos, [photo]", argument="photos")
    return list(photos)


def embed_each(
    reader: PhotoReader,
    embedder: FaceEmbedder,
    photos: Sequence[tuple[Photo, str]],
    *,
    flip: bool,
    color: Color = "rgb",
    threads: int | None = None,
) -> Iterator[PhotoEmbeddings | SFaceError]:
    """The embeddings of each photo, or the error that says why there are none, in the photos' order.

    photos   each with the name that it is called by where it has no path
    color    the order of the channels of photos that are arrays
    threads  that read and search photos while the network runs; None: as many as there are cores

    Only some photos are held at once. Raises UsageError for what is no picture at all.
    """
    from ..processes.read_ahead import read_ahead  # not needed for one pair, and its import takes 15 ms

    def read(photo: tuple[Photo, str]) -> PhotoFaces | SFaceError:
        return _read(reader, *photo, color)

    if len({id(photo) for photo, _ in photos}) < len(photos):
        threads = 1  # one open file is not to be read by two threads
    all_read = read_ahead(read, photos, threads=threads, chunk=1, depth=2 * embedder.chunk)
    with closing(all_read):
        while part := list(islice(all_read, embedder.chunk)):
            embedded = iter(embed_faces(embedder, [one for one in part if isinstance(one, PhotoFaces)], flip=flip))
            for one in part:
                yield next(embedded) if isinstance(one, PhotoFaces) else one


def embed_faces(embedder: FaceEmbedder, photos: Sequence[PhotoFaces], *, flip: bool) -> list[PhotoEmbeddings]:
    """Embed the faces of all photos together; the time is shared out over the photos."""
    if not photos:
        return []
    start = time.perf_counter()
    units = embedder.embed(np.concatenate([photo.crops for photo in photos]), flip=flip).unit
    milliseconds = 1000 * (time.perf_counter() - start) / len(photos)
    ends = np.cumsum([len(photo.crops) for photo in photos])[:-1]
    return [
        PhotoEmbeddings(photo.faces, part, {**photo.timings, "embed": milliseconds})
        for photo, part in zip(photos, np.split(units, ends), strict=True)
    ]


def _read(reader: PhotoReader, photo: Photo, name: str, color: Color) -> PhotoFaces | SFaceError:
    try:
        return reader.read(photo, name, color=color)
    except (ImageError, NoFaceError, SeveralFacesError) as error:
        return error
