"""Photos → the crop of one face of each, cut out by several processes ahead of the network that takes them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, NoFaceError, SFaceError
from ..processes.parallel import in_processes
from .photo_faces import PhotoReader
from .photo_shards import open_reader

# Photos that a process is given at once.
_JOB = 8

# uint8 (S, S, 3) RGB, or why a photo gives none.
Crop: TypeAlias = NDArray[np.uint8] | SFaceError


@contextmanager
def crops_ahead(
    photos: Sequence[Path], size: int, *, detector: str | os.PathLike[str] | None = None, aligned: bool = False
) -> Iterator[Iterator[Crop]]:
    """Gives of each photo, in their order, the crop of its large face near the centre, `size` pixels wide and high.

    aligned: the photos are such crops already. Only some crops wait, whatever the number of photos.
    """
    start = partial(open_reader, detector, "best", size, aligned=aligned)
    jobs = [photos[first : first + _JOB] for first in range(0, len(photos), _JOB)]
    with in_processes(start, _read_each, jobs) as results:
        yield chain.from_iterable(results)


def read_crop(reader: PhotoReader, photo: Path) -> Crop:
    """The crop of one photo's face, or the ImageError or NoFaceError that says why there is none."""
    try:
        crop: NDArray[np.uint8] = reader.read(photo).crops[0]
    except (ImageError, NoFaceError) as error:
        return error
    return crop


def _read_each(reader: PhotoReader, photos: Sequence[Path]) -> list[Crop]:
    return [read_crop(reader, photo) for photo in photos]
