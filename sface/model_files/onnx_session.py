"""A network in onnxruntime: for detectors, for face-recognition networks, and for the proof of an export."""

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ..errors import DependencyError, ModelError, UsageError
from ..runtime import dependencies
from .external_data import why_not_whole

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# "auto": CUDA where there is a GPU that onnxruntime can use, else the CPU. Or names of onnxruntime's, the first that
# can take a node takes it; in short "cpu", "cuda".
Providers = Literal["auto"] | Sequence[str]
_SHORT = {"cpu": CPU, "cuda": CUDA, "tensorrt": "TensorrtExecutionProvider", "directml": "DmlExecutionProvider"}


def read_model(path: Path, remedy: str) -> bytes:
    """The bytes of a model file. Raises ModelError, which ends with `remedy`, where it can't be read or is empty."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise ModelError(
            f"can't be read ({getattr(error, 'strerror', None) or error})", path=path, remedy=remedy
        ) from error
    if not data:
        raise ModelError("is empty", path=path, remedy=f"get it again, or {remedy}")
    return data


def open_session(model: bytes | Path, file: str, threads: int | None = None, providers: Providers = (CPU,)) -> Any:
    """An onnxruntime session of an ONNX file, called `file` in errors; threads may share it.

    model: its bytes, so that what is run is what was hashed or checked. Or the path of one of our own, to run it a few
        times: that takes less memory. threads: for one run on the CPU; None: all cores.
    Raises ModelError where onnxruntime can't run it, or not without other files, DependencyError without onnxruntime or
    where a provider that was named can't be had, UsageError for an unknown one.
    """
    ort = dependencies.onnxruntime()
    if isinstance(model, bytes) and (reason := why_not_whole(model)) is not None:
        raise ModelError(reason, path=file)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, in one line; its log would repeat it in many
    # Else the threads of one network, waiting busily for its next run, hold up the network that runs after it: a
    # verification takes twice as long.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if isinstance(model, Path):
        options.enable_cpu_mem_arena = False
    if threads is not None:
        options.intra_op_num_threads = threads
    wanted = _auto(ort) if providers == "auto" else _named(ort, providers)
    if CUDA in wanted and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # CUDA's libraries, where the package index brought them
    try:
        session = ort.InferenceSession(model, options, providers=wanted)
        # Names and metadata that are no text would fail where they are first looked at.
        _ = [value.name for value in session.get_inputs() + session.get_outputs()]
        _ = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ModelError(
            f"onnxruntime can't load it as a network ({in_one_line(error)})",
            path=file,
            remedy="export it again or get it again",
        ) from error
    # onnxruntime goes on with the CPU, in silence, where CUDA's libraries or the GPU fail it.
    if providers != "auto" and (missing := [name for name in wanted if name not in session.get_providers()]):
        raise DependencyError(
            f"{missing[0]} can't be had on this machine: see nvidia-smi, and pip install 'sface[cuda]' for libraries"
        )
    return session


def giving_back_memory() -> Any:
    """Options for a run that takes more memory than others, and more than is to be kept: onnxruntime gives it back."""
    options = dependencies.onnxruntime().RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def has_nvidia_driver() -> bool:
    """Whether a GPU's driver can be loaded."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _auto(ort: Any) -> list[str]:
    # onnxruntime-gpu lists CUDA also where there is no GPU; trying it there takes time and prints.
    return [CUDA, CPU] if CUDA in ort.get_available_providers() and has_nvidia_driver() else [CPU]


def _named(ort: Any, providers: Providers) -> list[str]:
    names = [_SHORT.get(name.lower(), name) for name in ([providers] if isinstance(providers, str) else providers)]
    if not names or not set(names) <= set(ort.get_all_providers()):
        raise UsageError(
            f"providers {', '.join(names) or 'none'}: must be auto, or of {', '.join(_SHORT)}", argument="providers"
        )
    if missing := [name for name in names if name not in ort.get_available_providers()]:
        raise DependencyError(
            f"{missing[0]} is not part of the installed onnxruntime, which has "
            f"{', '.join(ort.get_available_providers())}: pip install 'sface[gpu]' in place of 'sface[cpu]' brings CUDA"
        )
    return names if CPU in names else [*names, CPU]


def in_one_line(error: Exception) -> str:
    """The first 200 characters of a message that may have many lines."""
    return " ".join(str(error).split())[:200]
