"""The networks that are evaluated: ONNX files, checkpoints and runs, all as one kind of thing."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..errors import ModelError, PreprocessError, UsageError
from ..model_files.metadata import ModelMetadata, Preprocess
from ..model_files.onnx_session import Providers
from ..output import shortened
from ..runtime import dependencies, jittor_setup
from .crop_embedder import CropEmbedder, Embed

BATCH = 64  # crops to be given to a network at once


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingNetwork:
    """A network that is ready.

    path      of the file, or of the checkpoint's folder
    sha256    of the file, or of the checkpoint's weights
    metadata  what it says of itself
    provider  what runs it: "CPUExecutionProvider", ..., "Jittor"
    embed     uint8 (N, S, S, 3) RGB → raw embeddings, float32 (N, D)
    """

    path: Path
    sha256: str
    metadata: ModelMetadata
    provider: str
    embed: Embed

    def embedder(self, *, flip: bool) -> CropEmbedder:
        """The network for a protocol; `flip`: whether the mirror image's embedding is added."""
        return CropEmbedder(self.embed, str(self.path), self.metadata.input_size, BATCH, flip)

    def description(self) -> dict[str, str]:
        """The metadata, field by field, as text, long ones cut; without those that are not known."""
        values = {field.name: getattr(self.metadata, field.name) for field in fields(self.metadata)}
        return {name: shortened(str(value)) for name, value in values.items() if value not in (None, "")}


def open_networks(
    paths: Sequence[str | os.PathLike[str]], preprocess: Preprocess | None, providers: Providers
) -> list[EmbeddingNetwork]:
    """Open networks that take crops of one size.

    paths       of ONNX files, checkpoints' folders or runs' folders
    preprocess  the input of files that don't say it

    Raises ModelError, CheckpointError, PreprocessError, UsageError, DependencyError.
    """
    alone = len(paths) == 1
    networks = [_open_network(Path(path), preprocess, providers, alone=alone) for path in paths]
    first, size = networks[0].metadata.preprocess, networks[0].metadata.input_size
    if preprocess not in (None, *(network.metadata.preprocess for network in networks)):
        raise PreprocessError(
            f"preprocess {preprocess}: all of these take {first} input", remedy="leave it out", argument="preprocess"
        )
    for network in networks:
        if network.metadata.input_size != size:
            raise UsageError(
                f"takes crops of {network.metadata.input_size} pixels, {networks[0].path} of {size}",
                path=network.path,
                remedy="measure them one by one",
            )
    return networks


def _open_network(path: Path, preprocess: Preprocess | None, providers: Providers, *, alone: bool) -> EmbeddingNetwork:
    """alone: there is no other model that `preprocess` may be meant for."""
    if not path.is_dir():
        return _open_file(path, preprocess, providers, alone=alone)
    if alone and preprocess is not None:
        raise UsageError(
            f"preprocess {preprocess}: {path} is a checkpoint, whose input is known", argument="preprocess"
        )
    return _open_checkpoint(path)


def _open_file(path: Path, preprocess: Preprocess | None, providers: Providers, *, alone: bool) -> EmbeddingNetwork:
    from ..infer.embedder import FaceEmbedder

    try:
        embedder = FaceEmbedder(path, preprocess=preprocess if alone else None, providers=providers)
    except PreprocessError:
        if alone or preprocess is None:
            raise
        embedder = FaceEmbedder(path, preprocess=preprocess, providers=providers)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        embeddings = embedder.embed(crops)
        return _finite(path, embeddings.unit * embeddings.lengths[:, None])

    return EmbeddingNetwork(path, embedder.sha256, embedder.metadata, embedder.provider, embed)


def _open_checkpoint(path: Path) -> EmbeddingNetwork:
    """On the CPU."""
    jittor_setup.without_cuda()
    jittor_setup.prepare()
    dependencies.require("jittor", "train")
    dependencies.require_extra("train")

    import jittor as jt

    from ..models.networks import pixels
    from ..models.weights.checkpoint import MODEL, load_checkpoint
    from ..models.weights.description import describe_checkpoint

    module, checkpoint = load_checkpoint(path)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        full = np.concatenate([crops, np.repeat(crops[-1:], -len(crops) % BATCH, axis=0)])  # it compiles for a shape
        with jt.no_grad():
            embeddings: NDArray[np.float32] = module(pixels(full)).numpy()[: len(crops)]
        return _finite(checkpoint.folder, embeddings)

    metadata = describe_checkpoint(checkpoint)
    return EmbeddingNetwork(checkpoint.folder, files.sha256(checkpoint.folder / MODEL), metadata, "Jittor", embed)


def _finite(path: Path, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raises ModelError where one is not."""
    if not np.isfinite(embeddings).all():
        raise ModelError(
            "gives an embedding that is not a number, or too large for one; the network is damaged, or its "
            "training failed",
            path=path,
        )
    return embeddings
