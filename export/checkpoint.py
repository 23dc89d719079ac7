"""A trained network → an ONNX file that is proven to be the same function.

The file takes float32 (batch, 3, S, S), RGB, 0..255, and gives the raw embedding float32 (batch, D). Normalisation is
inside: its Sub and Mul are the graph's first two nodes, which is where other readers look for them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from jittor import nn

from .. import __version__
from ..errors import ModelError
from ..files import write_bytes
from ..metadata import ModelMetadata
from ..models.checkpoint import load_checkpoint
from ..models.config import NetworkConfig
from ..models.published import load_published
from ..onnx_session import open_session
from .parity import Array, Parity, check_parity, random_crops
from .passes import fold_batchnorm
from .rules import LAYERS
from .trace import trace

INPUT, OUTPUT = "input", "embedding"
# Of the head's settings, those that its formula has.
LOSS_PARAMETERS = {"SFace": ("s", "k", "a", "b"), "ArcFace": ("s", "margin"), "CosFace": ("s", "margin"), "Softmax": ()}


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and how equal it is. `checkpoint` is the folder, or the file of published weights."""

    path: Path
    checkpoint: Path
    parity: Parity
    metadata: ModelMetadata
    nodes: int
    size: int  # bytes


def export_checkpoint(checkpoint_path: Path, path: Path, face_crops: npt.NDArray[np.uint8]) -> Export:
    """Write the backbone of a checkpoint, or of a run's (as `open_checkpoint`), to the ONNX file `path`.

    The file is compared with the network on noise and on `face_crops`, uint8 (at least 7, S, S, 3) RGB.
    Raises CheckpointError, ModelError (the module can't be written), ParityError (it differs) or StorageError; then
    there is no file, or still the one that was there.
    """
    module, checkpoint = load_checkpoint(checkpoint_path)
    training = checkpoint.description["training"]
    head = training["head"]
    loss = ", ".join(f"{name}={head[name]:g}" for name in LOSS_PARAMETERS[head["name"]])
    metadata = describe(
        checkpoint.network, loss=f"{head['name']} {loss}".strip(), training_set=checkpoint.description["data"]["name"]
    )
    return _export(module, metadata, checkpoint.folder, path, face_crops)


def export_published(weights: Path, network: NetworkConfig, path: Path, face_crops: npt.NDArray[np.uint8]) -> Export:
    """Write the published code's `weights` (models/published.py) of `network` to the ONNX file `path`.

    Loss and training set stay unknown. Compared, and raises, as `export_checkpoint`.
    """
    return _export(load_published(weights, network), describe(network), weights, path, face_crops)


def describe(network: NetworkConfig, *, loss: str = "", training_set: str = "") -> ModelMetadata:
    """What the file of a network says about itself."""
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


def _export(
    module: nn.Module, metadata: ModelMetadata, source: Path, path: Path, face_crops: npt.NDArray[np.uint8]
) -> Export:
    size = metadata.input_size
    model = trace(module, (2, 3, size, size), LAYERS, (INPUT, OUTPUT))
    fold_batchnorm.apply(model)
    model.metadata_props.update(metadata.to_props())
    data = serialize(model)
    parity = check_parity(
        lambda x: np.asarray(module(jt.array(x)).numpy()), _run(data), [random_crops(7, size), face_crops]
    )
    write_bytes(path, data)
    return Export(path, source, parity, metadata, len(model.graph), len(data))


def serialize(model: ir.Model) -> bytes:
    """The model's bytes, after onnx's checker. Raises ModelError."""
    proto = ir.serde.serialize_model(model)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the exported graph is not valid ONNX: {error}") from error
    return bytes(proto.SerializeToString(deterministic=True))


def _run(data: bytes) -> Any:
    """The exported model in onnxruntime as a function of the input."""
    session = open_session(data, "the exported graph")

    def run(x: Array) -> Array:
        return np.asarray(session.run([OUTPUT], {INPUT: x})[0])

    return run
