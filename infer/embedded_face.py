"""Every face of a photo with its embedding."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..align.detectors.face import Face, prominence
from ..align.image_file import Color, load_image
from ..align.photo_faces import Photo, PhotoReader
from ..align.quality import Quality
from ..errors import NoFaceError
from .embedder import FaceEmbedder


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EmbeddedFace:
    """A face of a photo with its embedding, in pixels of the upright photo; see `FaceVerifier.faces`.

    box        left, top, right, bottom; may reach beyond the photo
    landmarks  float32 (5, 2), x and y: image-left eye, image-right eye, nose, image-left and image-right mouth corner
    score      the detector's confidence, 0..1; 1 for an aligned crop, in which no face was looked for
    quality    how good the picture of the face is
    crop       uint8 (S, S, 3) RGB, the aligned crop that was embedded
    embedding  float32 (D,), a unit vector: the dot product of two is their similarity. It is personal data
    length     length of the raw embedding; a long one speaks for a crop of good quality
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float
    quality: Quality
    crop: NDArray[np.uint8]
    embedding: NDArray[np.float32]
    length: float

    def __repr__(self) -> str:
        left, top, right, bottom = (round(side) for side in self.box)
        return (
            f"<EmbeddedFace: box ({left}, {top}, {right}, {bottom}), score {self.score:.2f}, "
            f"{self.quality.size:.0f} pixels between the eyes, embedding of {len(self.embedding)} numbers>"
        )


def embed_every_face(
    reader: PhotoReader, embedder: FaceEmbedder, photo: Photo, *, flip: bool, color: Color
) -> list[EmbeddedFace]:
    """The faces that a reader of all faces takes from a photo, the most prominent first; [] where there is none.

    Raises ImageError, UsageError as `load_image`, ModelError as `FaceEmbedder.embed`.
    """
    name = os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else "photo"
    image = load_image(photo, color=color, name=name)
    try:
        taken = reader.read(image, name)
    except NoFaceError:
        return []
    embeddings = embedder.embed(taken.crops, flip=flip)
    faces = [
        EmbeddedFace(
            info.box, np.array(info.landmarks, dtype=np.float32), info.score, info.quality, crop, unit, float(length)
        )
        for info, crop, unit, length in zip(taken.faces, taken.crops, *embeddings, strict=True)
    ]

    def order(face: EmbeddedFace) -> float:
        return -prominence(Face(face.box, face.landmarks, face.score), image.shape)

    return sorted(faces, key=order)
