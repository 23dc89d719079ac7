"""From an ONNX file and photos to embeddings and decisions. Works where Jittor and onnx are not installed.

Importing this package imports nothing heavy; each name below is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedder import Embeddings as Embeddings
    from .embedder import FaceEmbedder as FaceEmbedder
    from .verifier import FaceVerifier as FaceVerifier
    from .verifier import Verification as Verification

# public name: the file that holds it
_PUBLIC = {
    "Embeddings": "embedder",
    "FaceEmbedder": "embedder",
    "FaceVerifier": "verifier",
    "Verification": "verifier",
}

__all__ = ["FaceEmbedder", "Embeddings", "FaceVerifier", "Verification"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
