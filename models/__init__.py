"""Networks in Jittor, and their weights.

    NetworkConfig         what a network is built from
    build_network         config → Jittor module
    load_checkpoint       checkpoint folder → module and what is known about it
    open_checkpoint       checkpoint folder → what is known about it, without Jittor
    Checkpoint            what `open_checkpoint` returns
    load_published        a file of weights of the published code, and a config → module
    describe_checkpoint   checkpoint → what its model file says about itself; `describe` does so for a config

Importing this package makes a plain `import jittor` work offline (see sface/runtime/jittor_setup.py).
"""

from typing import TYPE_CHECKING

from ..lazy import lazy
from ..runtime import jittor_setup

if TYPE_CHECKING:
    from .network_config import NetworkConfig as NetworkConfig
    from .networks import build_network as build_network
    from .weights.checkpoint import Checkpoint as Checkpoint
    from .weights.checkpoint import load_checkpoint as load_checkpoint
    from .weights.checkpoint import open_checkpoint as open_checkpoint
    from .weights.description import describe as describe
    from .weights.description import describe_checkpoint as describe_checkpoint
    from .weights.published import load_published as load_published

jittor_setup.prepare()

_HOMES = {
    "NetworkConfig": "network_config",
    "build_network": "networks",
    "load_checkpoint": "weights.checkpoint",
    "open_checkpoint": "weights.checkpoint",
    "Checkpoint": "weights.checkpoint",
    "load_published": "weights.published",
    "describe": "weights.description",
    "describe_checkpoint": "weights.description",
}

__all__ = [
    "NetworkConfig",
    "build_network",
    "load_checkpoint",
    "open_checkpoint",
    "Checkpoint",
    "load_published",
    "describe",
    "describe_checkpoint",
]


__getattr__ = lazy(__name__, _HOMES)
