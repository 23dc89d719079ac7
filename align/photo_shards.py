"""The faces of a shard's photos, and why the other photos have none."""

import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, ImageError, NoFaceError, SeveralFacesError
from ..processes.shards import Arrays, Shard, Shards
from .choice import FaceChoice
from .detectors.detector import load_detector
from .photo_faces import PhotoFaces, PhotoReader

# Of a shard's arrays, those that say what was left out.
LEFT_OUT = ("left_out", "codes", "reasons")


@dataclass(frozen=True, slots=True)
class ShardFaces:
    """What was taken from a shard's photos, which are numbered from 0.

    taken     number of the photo, and its faces
    left_out  number of the photo, the code of the error and its message, which doesn't name the photo
    """

    taken: list[tuple[int, PhotoFaces]]
    left_out: list[tuple[int, str, str]]

    def arrays(self) -> Arrays:
        """`photo`, int32, of each face the number of its photo, and those of LEFT_OUT."""
        return {
            "photo": np.array([number for number, photo in self.taken for _ in photo.faces], dtype=np.int32),
            "left_out": np.array([number for number, _, _ in self.left_out], dtype=np.int32),
            "codes": np.array([code for _, code, _ in self.left_out], dtype=str),
            "reasons": np.array([reason for _, _, reason in self.left_out], dtype=str),
        }


def open_reader(
    detector: str | os.PathLike[str] | None, faces: FaceChoice, size: int, *, aligned: bool = False
) -> PhotoReader:
    """The reader of a process that reads many photos, which fits with scikit-image.

    aligned: the photos are crops, in which no face is looked for.
    """
    return PhotoReader(None if aligned else load_detector(detector), faces, size, fit="scikit-image")


def read_shard(reader: PhotoReader, shard: Shard) -> ShardFaces:
    """Take the faces from each photo of a shard; a photo that gives none is left out with the reason."""
    faces = ShardFaces([], [])
    for number, name in enumerate(shard.photos):
        try:
            faces.taken.append((number, reader.read(shard.root / name)))
        except (ImageError, NoFaceError, SeveralFacesError) as error:
            faces.left_out.append((number, error.code, " ".join(error.explanation.split())))
    return faces


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that was left out: its path, relative to the folder of photos, and why."""

    photo: str
    code: str
    reason: str


def left_out_of(shards: Shards) -> list[LeftOut]:
    """The photos that were left out, in the order of the photos."""
    return [
        LeftOut(shard.photos[number], str(code), str(reason))
        for shard, arrays in shards.load(*LEFT_OUT)
        for number, code, reason in zip(*(arrays[name] for name in LEFT_OUT), strict=True)
    ]


def none_left(left_out: list[LeftOut]) -> NoFaceError | DataError:
    """The error for photos that were all left out."""
    first = left_out[0]
    text = f"all {len(left_out):,} photos were left out; the first, {first.photo}: {first.reason}"
    if all(photo.code == NoFaceError.code for photo in left_out):
        return NoFaceError(text, argument="detector")  # the reason names it
    return DataError(text)


def in_words(left_out: Counter[str]) -> str:
    """How many photos were left out for each reason, the most frequent first."""
    reasons = ", ".join(f"{count:,} {code}" for code, count in left_out.most_common())
    return f"left out: {left_out.total():,}" + (f" ({reasons})" if reasons else "")
