"""ONNX files read, described and written. Needs onnx, not Jittor."""
