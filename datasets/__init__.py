"""Image sets in every layout that people have: read, written, converted, checked; drawn faces.

Needs neither Jittor nor onnx nor onnxruntime.
"""
