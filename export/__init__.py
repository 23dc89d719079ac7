"""Jittor network → checked ONNX file; what a file says about itself.

    to_onnx      checkpoint → ONNX file, proven equal
    metadata     read and write a file's metadata (without Jittor)
    passes       rewritings of an ONNX model (without Jittor)

Importing this package makes a plain `import jittor` work offline (see sface/runtime.py); it does not import Jittor.
"""

from .. import runtime

runtime.prepare()
