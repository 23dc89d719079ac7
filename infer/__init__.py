"""From an ONNX file and photos to embeddings and decisions. Works where Jittor and onnx are not installed.

Importing this package imports nothing heavy; each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from ..align.photo_faces import FaceInfo as FaceInfo
    from .embedder import Embeddings as Embeddings
    from .embedder import FaceEmbedder as FaceEmbedder
    from .gallery.gallery import Candidate as Candidate
    from .gallery.gallery import Gallery as Gallery
    from .gallery.gallery import Identification as Identification
    from .verification import Verification as Verification
    from .verifier import FaceVerifier as FaceVerifier

# public name: the file that holds it
_PUBLIC = {
    "Embeddings": "embedder",
    "FaceEmbedder": "embedder",
    "Candidate": "gallery.gallery",
    "Gallery": "gallery.gallery",
    "Identification": "gallery.gallery",
    "FaceVerifier": "verifier",
    "FaceInfo": "sface.align.photo_faces",
    "Verification": "verification",
}

__all__ = [
    "FaceVerifier",
    "Verification",
    "FaceInfo",
    "FaceEmbedder",
    "Embeddings",
    "Gallery",
    "Candidate",
    "Identification",
]


__getattr__ = lazy(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
