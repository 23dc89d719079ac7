"""sface: train a face-recognition network, export it to ONNX, verify faces with it.

Importing this package imports nothing heavy; each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from .lazy import lazy

if TYPE_CHECKING:
    from .infer import FaceEmbedder as FaceEmbedder
    from .infer import FaceVerifier as FaceVerifier
    from .infer import Verification as Verification

__version__ = "0.1.0"

# public name: the room that holds it
_PUBLIC = {
    "FaceEmbedder": "infer",
    "FaceVerifier": "infer",
    "Verification": "infer",
}

__all__ = ["FaceEmbedder", "FaceVerifier", "Verification", "__version__"]

__getattr__ = lazy(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
