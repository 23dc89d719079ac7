"""sface: train a face-recognition network, export it to ONNX, verify faces with it.

    FaceVerifier    do two photos show the same person? → Verification; every face of a photo
    FaceEmbedder    crops → embeddings
    Gallery         people to search in
    load_image      photo → upright RGB
    load_detector   what finds faces
    Output          where progress and notes go
    SFaceError and its children: every error raised on purpose, see `sface.errors`

Importing this package imports nothing heavy; each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from .lazy import lazy

if TYPE_CHECKING:
    from .align import load_detector as load_detector
    from .align import load_image as load_image
    from .errors import CheckpointError as CheckpointError
    from .errors import DataError as DataError
    from .errors import DependencyError as DependencyError
    from .errors import DivergedError as DivergedError
    from .errors import DownloadError as DownloadError
    from .errors import ImageError as ImageError
    from .errors import ModelError as ModelError
    from .errors import NoFaceError as NoFaceError
    from .errors import ParityError as ParityError
    from .errors import PreprocessError as PreprocessError
    from .errors import SeveralFacesError as SeveralFacesError
    from .errors import SFaceError as SFaceError
    from .errors import StorageError as StorageError
    from .errors import UsageError as UsageError
    from .infer import FaceEmbedder as FaceEmbedder
    from .infer import FaceVerifier as FaceVerifier
    from .infer import Gallery as Gallery
    from .infer import Verification as Verification
    from .output import Output as Output

__version__ = "0.1.0"

_ERRORS = (
    "SFaceError",
    "UsageError",
    "ImageError",
    "NoFaceError",
    "SeveralFacesError",
    "ModelError",
    "CheckpointError",
    "PreprocessError",
    "DownloadError",
    "ParityError",
    "DataError",
    "DivergedError",
    "DependencyError",
    "StorageError",
)

# public name: the package or module that holds it
_HOMES = {
    "FaceVerifier": "infer",
    "Verification": "infer",
    "FaceEmbedder": "infer",
    "Gallery": "infer",
    "load_image": "align",
    "load_detector": "align",
    "Output": "output",
    **dict.fromkeys(_ERRORS, "errors"),
}

__all__ = [*_HOMES, "__version__"]

__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
