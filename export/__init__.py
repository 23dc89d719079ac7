"""Jittor network → checked ONNX file; any ONNX file → a faster one; what a file says about itself.

    to_onnx       any Jittor module → ONNX file, proven equal
    checkpoint    a trained face network → ONNX file that says all about itself
    optimize      any face network's file → a faster one (without Jittor)
    summary       what a file holds (without Jittor)
    metadata      read and write what a file says about itself (without Jittor)
    passes        rewritings of an ONNX model (without Jittor)

Importing this package makes a plain `import jittor` work offline (see sface/runtime/jittor_setup.py); it does not
import Jittor.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy
from ..runtime import jittor_setup

if TYPE_CHECKING:
    from .exporter import to_onnx as to_onnx

jittor_setup.prepare()

__all__ = ["to_onnx"]

__getattr__ = lazy(__name__, {"to_onnx": "exporter"})
