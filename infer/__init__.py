"""From an ONNX file and photos to embeddings and decisions. Works where Jittor and onnx are not installed.

    FaceVerifier      do two photos show the same person? → Verification; every face of a photo → EmbeddedFace
    FaceEmbedder      crops → Embeddings
    embed_folder      a folder of photos → one file of embeddings → FolderEmbeddings
    Gallery           people to search in: photos → Enrollment, IdentifiedPhotos; embeddings → Candidate, Identification
    enroll, identify  the same for a gallery on disk, in one call
    open_gallery, change_gallery  a gallery on disk, checked; changed by one process at a time
    zoo               published files of others: list them, get one
    write_picture     a verification as a picture

Importing this package imports nothing heavy; each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from ..align.photo_faces import FaceInfo as FaceInfo
    from . import zoo as zoo
    from .embedded_face import EmbeddedFace as EmbeddedFace
    from .embedder import Embeddings as Embeddings
    from .embedder import FaceEmbedder as FaceEmbedder
    from .folder_embedding import FolderEmbeddings as FolderEmbeddings
    from .folder_embedding import embed_folder as embed_folder
    from .gallery.gallery import Gallery as Gallery
    from .gallery.gallery_folder import change_gallery as change_gallery
    from .gallery.gallery_folder import enroll as enroll
    from .gallery.gallery_folder import identify as identify
    from .gallery.gallery_folder import open_gallery as open_gallery
    from .gallery.gallery_results import Candidate as Candidate
    from .gallery.gallery_results import Enrollment as Enrollment
    from .gallery.gallery_results import Identification as Identification
    from .gallery.gallery_results import IdentifiedFace as IdentifiedFace
    from .gallery.gallery_results import IdentifiedPhotos as IdentifiedPhotos
    from .verification import Verification as Verification
    from .verification_picture import write_picture as write_picture
    from .verifier import FaceVerifier as FaceVerifier

# public name: the module that holds it
_HOMES = {
    "FaceVerifier": "verifier",
    "Verification": "verification",
    "FaceInfo": "sface.align.photo_faces",
    "EmbeddedFace": "embedded_face",
    "FaceEmbedder": "embedder",
    "Embeddings": "embedder",
    "embed_folder": "folder_embedding",
    "FolderEmbeddings": "folder_embedding",
    "Gallery": "gallery.gallery",
    "Enrollment": "gallery.gallery_results",
    "IdentifiedPhotos": "gallery.gallery_results",
    "IdentifiedFace": "gallery.gallery_results",
    "Candidate": "gallery.gallery_results",
    "Identification": "gallery.gallery_results",
    "enroll": "gallery.gallery_folder",
    "identify": "gallery.gallery_folder",
    "open_gallery": "gallery.gallery_folder",
    "change_gallery": "gallery.gallery_folder",
    "write_picture": "verification_picture",
    "zoo": "zoo",
}

__all__ = list(_HOMES)

__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
