"""Networks in Jittor, and checkpoints of them.

    NetworkConfig      what a network is built from
    build_network      config → Jittor module
    load_checkpoint    checkpoint folder → module and what is known about it

Importing this package makes a plain `import jittor` work offline (see sface/runtime.py).
"""

from typing import TYPE_CHECKING

from .. import runtime
from ..lazy import lazy

if TYPE_CHECKING:
    from .checkpoint import load_checkpoint as load_checkpoint
    from .config import NetworkConfig as NetworkConfig
    from .networks import build_network as build_network

runtime.prepare()

_HOMES = {"NetworkConfig": "config", "build_network": "networks", "load_checkpoint": "checkpoint"}

__all__ = ["NetworkConfig", "build_network", "load_checkpoint"]


__getattr__ = lazy(__name__, _HOMES)
