"""Heads by name: from embeddings and labels to the loss.

A head is a module whose parameter `weight`, float32 (classes, D), is drawn from the seed alone, and whose
`execute(embedding, labels)` takes raw embeddings float32 (B, D) and labels int32 (B,) and gives a HeadOutput.
"""

from jittor import nn

from .config import HeadConfig
from .head_output import HeadOutput
from .sface_head import SFaceHead
from .softmax_heads import MarginHead, SoftmaxHead

__all__ = ["HeadOutput", "SFaceHead", "build_head"]


def build_head(config: HeadConfig, classes: int, embedding_size: int, seed: int) -> nn.Module:
    """The head of `config` over `classes` classes."""
    if config.name == "SFace":
        return SFaceHead(classes, embedding_size, config, seed)
    if config.name == "Softmax":
        return SoftmaxHead(classes, embedding_size, seed)
    return MarginHead(classes, embedding_size, config, seed)
