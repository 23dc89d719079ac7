"""A detector's network file, opened in onnxruntime."""

from pathlib import Path
from typing import Any

from .. import dependencies
from ..errors import ModelError


def open_session(path: Path, threads: int | None) -> Any:
    """An onnxruntime session on the CPU; threads may share it. `threads`: for one run; None: all cores.

    The detectors' networks are small and their input changes its size with every photo: a GPU would not be faster.
    Raises ModelError where the file is missing or can't be run, DependencyError without onnxruntime.
    """
    ort = dependencies.onnxruntime()
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; a detector is a YuNet ONNX file, or one of: mtcnn, yunet")
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, in one line; its log would repeat it in many
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: onnxruntime can't open it as a network ({reason})") from error
