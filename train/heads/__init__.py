"""Heads: from embeddings and labels to the loss.

build_head    config → head, a Jittor module
HeadOutput    what every head gives
SFaceHead     the SFace loss
"""

from typing import TYPE_CHECKING

from ...lazy import lazy

if TYPE_CHECKING:
    from .build import build_head as build_head
    from .head_output import HeadOutput as HeadOutput
    from .sface_head import SFaceHead as SFaceHead

_HOMES = {"build_head": "build", "HeadOutput": "head_output", "SFaceHead": "sface_head"}

__all__ = ["HeadOutput", "SFaceHead", "build_head"]

__getattr__ = lazy(__name__, _HOMES)
