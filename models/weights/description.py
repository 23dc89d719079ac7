"""What a network's model file says about itself: the metadata of a network, and of a checkpoint."""

from collections.abc import Mapping
from typing import Any

from ... import __version__
from ...model_files.metadata import ModelMetadata
from ..network_config import NetworkConfig
from .checkpoint import Checkpoint

# Of the head's settings, those that its formula has.
LOSS_PARAMETERS = {"SFace": ("s", "k", "a", "b"), "ArcFace": ("s", "margin"), "CosFace": ("s", "margin"), "Softmax": ()}


def describe(network: NetworkConfig, *, loss: str = "", training_set: str = "") -> ModelMetadata:
    """What the file of a network says about itself. Loss and training set are given as text, "" where unknown."""
    return ModelMetadata(
        preprocess="raw",
        input_size=network.input_size,
        input_scale=network.input_scale,
        embedding_size=network.embedding_size,
        network=network.name,
        loss=loss,
        training_set=training_set,
        sface_version=__version__,
    )


def describe_checkpoint(checkpoint: Checkpoint) -> ModelMetadata:
    """The metadata of a checkpoint's network, with its loss and the name of its training set."""
    return describe(
        checkpoint.network,
        loss=_loss(checkpoint.description["training"]),
        training_set=checkpoint.description["data"]["name"],
    )


def _loss(training: Mapping[str, Any]) -> str:
    """What a network was trained with, in words."""
    if teacher := training.get("teacher"):
        return f"distilled from {teacher['name']} (sha256 {teacher['sha256']})"
    head = training["head"]
    parameters = ", ".join(f"{name}={head[name]:g}" for name in LOSS_PARAMETERS[head["name"]])
    return f"{head['name']} {parameters}".strip()
