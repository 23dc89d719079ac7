"""Networks in Jittor, and checkpoints of them.

    NetworkConfig      what a network is built from
    build_network      config → Jittor module
    load_checkpoint    checkpoint folder → module and what is known about it

Importing this package makes a plain `import jittor` work offline (see sface/runtime/jittor_setup.py).
"""

from typing import TYPE_CHECKING

from ..lazy import lazy
from ..runtime import jittor_setup

if TYPE_CHECKING:
    from .network_config import NetworkConfig as NetworkConfig
    from .networks import build_network as build_network
    from .weights.checkpoint import load_checkpoint as load_checkpoint

jittor_setup.prepare()

_HOMES = {
    "NetworkConfig": "network_config",
    "build_network": "networks",
    "load_checkpoint": "weights.checkpoint",
}

__all__ = ["NetworkConfig", "build_network", "load_checkpoint"]


__getattr__ = lazy(__name__, _HOMES)
