"""Packages that are not there, said in one line each with the command that brings them."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from ..errors import DependencyError

# What each extra brings that our code imports. Not Jittor: its import is a step of its own (train/loop.py).
_MODULES = {
    "eval": ("jinja2", "msgspec", "scipy", "sklearn"),
    "export": ("onnx", "onnx_ir", "onnxscript"),
    "train": ("msgspec", "safetensors", "tqdm"),
}


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` brings. Raises DependencyError that names the extra."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise DependencyError(f"{module} is not installed: pip install 'sface[{extra}]'") from None


def raise_if_of_an_extra(error: ModuleNotFoundError) -> None:
    """Raises DependencyError that names the extra, where the module that wasn't found is one that an extra brings."""
    package = (error.name or "").partition(".")[0]
    extras = {"jittor": "train", **{module: extra for extra, modules in _MODULES.items() for module in modules}}
    if package in extras:
        raise DependencyError(f"{package} is not installed: pip install 'sface[{extras[package]}]'") from None


def require_extra(extra: str) -> None:
    """Raises DependencyError where a package that the extra `extra` brings is missing. For the start of a long job, so
    that it doesn't fail at its end."""
    for module in _MODULES[extra]:
        require(module, extra)


def onnxruntime() -> ModuleType:
    """Import onnxruntime. Raises DependencyError where it is missing, or installed twice."""
    if {"onnxruntime", "onnxruntime_gpu"} <= _distributions("onnxruntime"):
        raise DependencyError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other: "
            "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'sface[gpu]' (or 'sface[cpu]')"
        )
    try:
        module = importlib.import_module("onnxruntime")
        if not hasattr(module, "InferenceSession"):
            raise ImportError("its folder is there, but not its files")
        return module
    except ImportError as error:
        raise DependencyError(
            f"onnxruntime can't be imported ({error}): pip install 'sface[cpu]' for a CPU, 'sface[gpu]' for an NVIDIA "
            "GPU with CUDA installed, or 'sface[cuda]' for an NVIDIA GPU with CUDA's libraries from the package index"
        ) from None


def _distributions(package: str) -> set[str]:
    """The distributions beside a package whose names start as its name does: asking for all takes ten times as long."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return set()
    folder = Path(spec.origin).parents[1]
    return {path.name.split("-")[0] for path in folder.glob(f"{package}*.dist-info")}
