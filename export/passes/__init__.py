"""Rewritings of an ONNX model that keep what it computes: one file each, whose `apply(model)` changes it in place."""
