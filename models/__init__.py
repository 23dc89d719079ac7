"""Networks in Jittor, and checkpoints of them.

    NetworkConfig      what a network is built from
    build_network      config → Jittor module
    load_checkpoint    checkpoint folder → module and what is known about it

Importing this package makes a plain `import jittor` work offline (see sface/runtime.py).
"""

import importlib
from typing import TYPE_CHECKING, Any

from .. import runtime

if TYPE_CHECKING:
    from .checkpoint import load_checkpoint as load_checkpoint
    from .config import NetworkConfig as NetworkConfig
    from .networks import build_network as build_network

runtime.prepare()

_HOMES = {"NetworkConfig": "config", "build_network": "networks", "load_checkpoint": "checkpoint"}

__all__ = ["NetworkConfig", "build_network", "load_checkpoint"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
