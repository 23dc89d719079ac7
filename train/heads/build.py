"""Heads by name: from embeddings and labels to the loss.

A head is a module with a number `classes` and a parameter `weight`, float32 (classes, D), which begins as a function of
the seed alone. Its `execute(embedding, labels)` takes raw embeddings, float32 (B, D), and labels, int32 (B,), and gives
a HeadOutput. One that is shared out over the ranks has only the rows `first` .. `last` - 1 of the weight.
"""

from jittor import nn

from ..config import HeadConfig
from .sface_head import SFaceHead
from .sharded_head import ShardedSFaceHead
from .softmax_heads import MarginHead, SoftmaxHead


def build_head(config: HeadConfig, classes: int, embedding_size: int, seed: int) -> nn.Module:
    """The head of `config` over `classes` classes. Raises UsageError where it can't be shared out over the ranks."""
    if config.sharded:
        return ShardedSFaceHead(classes, embedding_size, config, seed)
    if config.name == "SFace":
        return SFaceHead(classes, embedding_size, config, seed)
    if config.name == "Softmax":
        return SoftmaxHead(classes, embedding_size, seed)
    return MarginHead(classes, embedding_size, config, seed)
