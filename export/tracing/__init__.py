"""A Jittor module → an ONNX graph: the module is run once on symbolic values."""
