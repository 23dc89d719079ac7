"""A network in onnxruntime: for detectors, for face-recognition networks, and for the proof of an export."""

from pathlib import Path
from typing import Any

from . import dependencies
from .errors import ModelError


def read_model(path: Path, remedy: str) -> bytes:
    """The bytes of a model file. Raises ModelError, which ends with `remedy`, where it can't be read or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror}); {remedy}") from error
    if not data:
        raise ModelError(f"{path}: is empty; get it again, or {remedy}")
    return data


def open_session(model: bytes | Path, file: str, threads: int | None = None) -> Any:
    """An onnxruntime session on the CPU of an ONNX file, called `file` in errors; threads may share it.

    model: its bytes, so that what is run is what was hashed or checked. Or the path of one of our own, to run it a few
        times: that takes less memory. threads: for one run; None: all cores.
    Raises ModelError where onnxruntime can't run it, DependencyError without onnxruntime.
    """
    ort = dependencies.onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, in one line; its log would repeat it in many
    if isinstance(model, Path):
        options.enable_cpu_mem_arena = False
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ModelError(
            f"{file}: onnxruntime can't load it as a network ({in_one_line(error)}); export it again or get it again"
        ) from error


def in_one_line(error: Exception) -> str:
    """The first 200 characters of a message that may have many lines."""
    return " ".join(str(error).split())[:200]
