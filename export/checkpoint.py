"""A trained face network → an ONNX file that says all about itself and is proven to be the same function.

The file takes float32 (batch, 3, S, S), RGB, 0..255, and gives the raw embedding float32 (batch, D). Normalisation is
inside: its Sub and Mul are the graph's first two nodes, which is where other readers look for them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from jittor import nn

from .. import __version__
from ..files import write_bytes
from ..metadata import ModelMetadata
from ..models.checkpoint import load_checkpoint
from ..models.config import NetworkConfig
from ..models.published import load_published
from ..network_input import network_input
from .exporter import run_file, run_module, trace_module
from .first_difference import first_difference
from .model_file import load_whole_model
from .parity import Parity, in_batches, measure_embeddings, random_crops, settle
from .passes import run_passes
from .precision import Lowering, Precision, lower
from .serialize import serialize
from .target import ONNXRUNTIME, Target
from .trace import Traced
from .unit_output import add_unit_output

INPUT, OUTPUT = "input", "embedding"
# Of the head's settings, those that its formula has.
LOSS_PARAMETERS = {"SFace": ("s", "k", "a", "b"), "ArcFace": ("s", "margin"), "CosFace": ("s", "margin"), "Softmax": ()}


@dataclass(frozen=True, slots=True)
class Source:
    """A network with its weights, and where it comes from: a checkpoint's folder, or a file of published weights."""

    module: nn.Module
    path: Path
    metadata: ModelMetadata


@dataclass(frozen=True, slots=True)
class Options:
    """How the file is to be.

    target       what it is to be fast in (export/target.py)
    batch        a fixed number of crops; None: free, unless the target wants it fixed
    unit_output  the graph gives unit vectors
    without      names of passes that are left out
    lowering     the wish for fp16 or int8; None: float32
    report       a JSON file for what was measured, written also where the file is refused
    """

    target: Target = ONNXRUNTIME
    batch: int | None = None
    unit_output: bool = False
    without: tuple[str, ...] = ()
    lowering: Lowering | None = None
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and how equal it is: `parity` in float32, `precision` of a file below that."""

    path: Path
    source: Source
    parity: Parity
    precision: Precision | None
    nodes: int
    size: int  # bytes


def open_trained(checkpoint_path: Path) -> Source:
    """The backbone of a checkpoint, or of a run's (as `models.checkpoint.open_checkpoint`). Raises CheckpointError."""
    module, checkpoint = load_checkpoint(checkpoint_path)
    head = checkpoint.description["training"]["head"]
    loss = ", ".join(f"{name}={head[name]:g}" for name in LOSS_PARAMETERS[head["name"]])
    metadata = describe(
        checkpoint.network, loss=f"{head['name']} {loss}".strip(), training_set=checkpoint.description["data"]["name"]
    )
    return Source(module, checkpoint.folder, metadata)


def open_published(weights: Path, network: NetworkConfig) -> Source:
    """The published code's `weights` (models/published.py) of `network`. Loss and training set stay unknown."""
    return Source(load_published(weights, network), weights, describe(network))


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


def export_network(
    source: Source, path: Path, face_crops: npt.NDArray[np.uint8], options: Options | None = None
) -> Export:
    """Write a face network to the ONNX file `path`.

    The file is compared with the network on noise and on `face_crops`, uint8 (at least 7, S, S, 3) RGB.
    Raises ModelError (the module can't be written), ParityError (it differs), StorageError, or what
    `precision.lower` raises; then there is no file, or still the one that was there.
    """
    options = options or Options()
    traced = _trace(source, options.batch or options.target.batch)
    model = traced.model
    run_passes(model, without={*options.without, *options.target.without})
    if options.unit_output:
        add_unit_output(model)
    model.metadata_props.update(source.metadata.to_props())
    data = serialize(model)
    parity = _prove(source, traced, model, data, face_crops, options.report)
    precision = None
    if options.lowering:
        model, data, precision = lower(model, data, options.lowering, "raw", options.report)
    write_bytes(path, data)
    return Export(path, source, parity, precision, len(model.graph), len(data))


def check_file(path: Path, source: Source, face_crops: npt.NDArray[np.uint8], report: Path | None = None) -> Parity:
    """Compare an existing ONNX file with a network, as `export_network` does. Raises ModelError, ParityError."""
    proto = load_whole_model(path)
    model, data = ir.serde.deserialize_model(proto), proto.SerializeToString()
    return _prove(source, _trace(source, None), model, data, face_crops, report)


def _trace(source: Source, batch: int | None) -> Traced:
    size = source.metadata.input_size
    inputs = {INPUT: ((batch or 2, 3, size, size), "float32")}
    return trace_module(source.module, inputs, [OUTPUT], dynamic_batch=batch is None)


def _prove(
    source: Source,
    traced: Traced,
    model: ir.Model,
    data: bytes,
    face_crops: npt.NDArray[np.uint8],
    report: Path | None,
) -> Parity:
    network, exported = run_module(source.module), run_file(data)
    fixed = model.graph.inputs[0].shape[0] if model.graph.inputs and model.graph.inputs[0].shape else None
    run = in_batches(lambda x: exported(x)[0], fixed if isinstance(fixed, int) else None)
    crops = [random_crops(7, source.metadata.input_size), face_crops]
    parity = measure_embeddings(lambda x: network(x)[0], run, crops)
    rows = network_input(face_crops[: fixed if isinstance(fixed, int) else 2])
    settle(
        parity,
        must_matter=True,
        first_difference=lambda: first_difference(source.module, model, traced.layers, (rows,)),
        report=report,
    )
    return parity
