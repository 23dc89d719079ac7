"""The networks that `sface eval` measures: ONNX files, checkpoints and runs, all as one kind of thing."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files
from ..cli.inspect import shortened
from ..errors import ModelError, PreprocessError, UsageError
from ..model_files.metadata import ModelMetadata, Preprocess
from ..runtime import dependencies, jittor_setup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..model_files.onnx_session import Providers

BATCH = 64  # crops to be given to a network at once


@dataclass(frozen=True, slots=True, eq=False)
class Network:
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
    embed: "Callable[[NDArray[np.uint8]], NDArray[np.float32]]"

    def words(self) -> dict[str, str]:
        """The metadata, field by field, as text, long ones cut; without those that are not known."""
        values = {field.name: getattr(self.metadata, field.name) for field in fields(self.metadata)}
        return {name: shortened(str(value)) for name, value in values.items() if value not in (None, "")}


def open_network(path: Path, preprocess: Preprocess | None, providers: "Providers", *, alone: bool) -> Network:
    """Open an ONNX file, a checkpoint's folder or a run's.

    preprocess  the input of a file that doesn't say it
    alone       there is no other model that `preprocess` may be meant for

    Raises ModelError, CheckpointError, PreprocessError, UsageError, DependencyError.
    """
    if path.is_dir():
        if alone and preprocess is not None:
            raise UsageError(f"--preprocess {preprocess}: {path} is a checkpoint, whose input is known")
        return _open_checkpoint(path)
    return _open_file(path, preprocess, providers, alone=alone)


def _open_file(path: Path, preprocess: Preprocess | None, providers: "Providers", *, alone: bool) -> Network:
    from ..infer.embedder import FaceEmbedder

    try:
        embedder = FaceEmbedder(path, preprocess=preprocess if alone else None, providers=providers)
    except PreprocessError:
        if alone or preprocess is None:
            raise
        embedder = FaceEmbedder(path, preprocess=preprocess, providers=providers)

    def embed(crops: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        embeddings = embedder.embed(crops)
        return _finite(path, embeddings.unit * embeddings.lengths[:, None])

    return Network(path, embedder.sha256, embedder.metadata, embedder.provider, embed)


def _open_checkpoint(path: Path) -> Network:
    """On the CPU."""
    jittor_setup.without_cuda()
    jittor_setup.prepare()
    dependencies.require("jittor", "train")
    for package in ("onnx", "onnx_ir", "onnxscript"):
        dependencies.require(package, "export")

    import jittor as jt
    import numpy as np

    from ..models.networks import pixels
    from ..models.weights.checkpoint import MODEL, load_checkpoint
    from ..models.weights.description import describe_checkpoint

    module, checkpoint = load_checkpoint(path)

    def embed(crops: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        full = np.concatenate([crops, np.repeat(crops[-1:], -len(crops) % BATCH, axis=0)])  # it compiles for a shape
        with jt.no_grad():
            embeddings: NDArray[np.float32] = module(pixels(full)).numpy()[: len(crops)]
        return _finite(checkpoint.folder, embeddings)

    metadata = describe_checkpoint(checkpoint)
    return Network(checkpoint.folder, files.sha256(checkpoint.folder / MODEL), metadata, "Jittor", embed)


def _finite(path: Path, embeddings: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Raises ModelError where one is not."""
    import numpy as np

    if not np.isfinite(embeddings).all():
        raise ModelError(
            "gives an embedding that is not a number, or too large for one; the network is damaged, or its "
            "training failed",
            path=path,
        )
    return embeddings
