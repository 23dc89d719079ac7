"""The network that is exported: a checkpoint's, a run's, or that of a file of the published code's weights."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jittor import nn

from ..errors import UsageError
from ..model_files.metadata import ModelMetadata
from ..models.network_config import NetworkConfig
from ..models.weights.checkpoint import load_checkpoint, open_checkpoint
from ..models.weights.description import describe, describe_checkpoint
from ..models.weights.published import load_published


@dataclass(frozen=True, slots=True)
class Source:
    """A network with its weights, and where it comes from: a checkpoint's folder, or a file of published weights.

    `load` builds it, in evaluation mode. It is kept no longer than it is needed: its weights are most of the memory.
    """

    load: Callable[[], nn.Module]
    path: Path
    metadata: ModelMetadata


def open_source(checkpoint: str | os.PathLike[str], network: NetworkConfig | None) -> Source:
    """A checkpoint's network, or a run's; with `network`, that of a file of the published code's weights, whose loss
    and training set stay unknown. Its `load` raises CheckpointError.

    Raises CheckpointError where there is no checkpoint, UsageError where `network` is missing or too much.
    """
    path = Path(checkpoint)
    if network is None:
        if path.is_file():
            raise UsageError(
                "a file of weights does not say which network it is of",
                path=path,
                remedy="give its NetworkConfig as network",
                argument="network",
            )
        opened = open_checkpoint(path)
        return Source(lambda: load_checkpoint(opened.folder)[0], opened.folder, describe_checkpoint(opened))
    if path.is_dir():
        raise UsageError(
            f"network: {path} is a checkpoint, which says so itself", remedy="leave it out", argument="network"
        )
    return Source(lambda: load_published(path, network), path, describe(network))
