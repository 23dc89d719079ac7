"""A trained face network → an ONNX file that says all about itself and is proven to be the same function.

The file takes float32 (batch, 3, S, S), RGB, 0..255, and gives the raw embedding float32 (batch, D). Normalisation is
inside: its Sub and Mul are the graph's first two nodes, which is where other readers look for them.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from jittor import nn

from .. import __version__
from ..files import write_atomically
from ..model_files.metadata import ModelMetadata
from ..model_files.network_input import network_input
from ..model_files.onnx_session import open_session
from ..models.network_config import NetworkConfig
from ..models.weights.checkpoint import load_checkpoint, open_checkpoint
from ..models.weights.published import load_published
from .exporter import run_module, trace_module
from .onnx_files.onnx_file import load_whole_model
from .onnx_files.serialize import serialize_in_parts
from .parity.first_difference import first_difference
from .parity.parity import BATCHES, Array, Parity, embed_all, measure_embeddings, on_rows, random_crops, settle
from .passes import run_passes
from .passes.unit_output import add_unit_output
from .precision.precision import Lowering, Precision, lower
from .target import ONNXRUNTIME, Target
from .tracing.trace import Layers, Traced

INPUT, OUTPUT = "input", "embedding"
# Of the head's settings, those that its formula has.
LOSS_PARAMETERS = {"SFace": ("s", "k", "a", "b"), "ArcFace": ("s", "margin"), "CosFace": ("s", "margin"), "Softmax": ()}


@dataclass(frozen=True, slots=True)
class Source:
    """A network with its weights, and where it comes from: a checkpoint's folder, or a file of published weights.

    `load` builds it, in evaluation mode. It is kept no longer than it is needed: its weights are most of the memory.
    """

    load: Callable[[], nn.Module]
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
    """The backbone of a checkpoint, or of a run's (as `models.checkpoint.open_checkpoint`). Raises CheckpointError, as
    its `load` does."""
    checkpoint = open_checkpoint(checkpoint_path)
    metadata = describe(
        checkpoint.network,
        loss=_loss(checkpoint.description["training"]),
        training_set=checkpoint.description["data"]["name"],
    )
    return Source(lambda: load_checkpoint(checkpoint.folder)[0], checkpoint.folder, metadata)


def _loss(training: Mapping[str, Any]) -> str:
    """What a network was trained with, in words."""
    if teacher := training.get("teacher"):
        return f"distilled from {teacher['name']} (sha256 {teacher['sha256']})"
    head = training["head"]
    parameters = ", ".join(f"{name}={head[name]:g}" for name in LOSS_PARAMETERS[head["name"]])
    return f"{head['name']} {parameters}".strip()


def open_published(weights: Path, network: NetworkConfig) -> Source:
    """The published code's `weights` (models/weights/published.py) of `network`. Loss and training set stay unknown.
    Its `load` raises CheckpointError."""
    return Source(lambda: load_published(weights, network), weights, describe(network))


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
    crop_sets = [random_crops(max(BATCHES), source.metadata.input_size), face_crops]

    def write(temporary: Path) -> Export:
        expected, layers, nodes = _write_float32(source, temporary, crop_sets, options)
        _give_back()
        parity = _prove(source, expected, layers, temporary, crop_sets, options.report)
        precision = None
        if options.lowering:
            model, data, precision = lower(temporary.read_bytes(), options.lowering, "raw", options.report)
            temporary.write_bytes(data)
            nodes = len(model.graph)
        return Export(path, source, parity, precision, nodes, temporary.stat().st_size)

    return write_atomically(path, write)


def check_file(path: Path, source: Source, face_crops: npt.NDArray[np.uint8], report: Path | None = None) -> Parity:
    """Compare an existing ONNX file with a network, as `export_network` does. Raises ModelError, ParityError."""
    load_whole_model(path)
    crop_sets = [random_crops(max(BATCHES), source.metadata.input_size), face_crops]
    module = source.load()
    expected = _embed_all(module, crop_sets)
    return _prove(source, expected, _trace(module, source, None).layers, path, crop_sets, report)


def _write_float32(
    source: Source, path: Path, crop_sets: list[npt.NDArray[np.uint8]], options: Options
) -> tuple[list[Array], Layers, int]:
    """Write the file, not proven yet. Gives what the network says of the crops, its layers, and the number of nodes.

    The network, the graph and its bytes are each as large as the weights: no two of them are held for long.
    """
    module = source.load()
    expected = _embed_all(module, crop_sets)
    traced = _trace(module, source, options.batch or options.target.batch)
    del module
    _give_back()
    run_passes(traced.model, without={*options.without, *options.target.without})
    if options.unit_output:
        add_unit_output(traced.model)
    traced.model.metadata_props.update(source.metadata.to_props())
    with path.open("wb") as file:
        file.writelines(serialize_in_parts(traced.model))
    return expected, traced.layers, len(traced.model.graph)


def _give_back() -> None:
    """The memory of what was let go of: what has been traced refers to itself, and Jittor keeps what it once had."""
    gc.collect()
    jt.gc()


def _embed_all(module: nn.Module, crop_sets: list[npt.NDArray[np.uint8]]) -> list[Array]:
    run = run_module(module)
    expected = embed_all(lambda x: run(x)[0], crop_sets)
    _give_back()
    return expected


def _trace(module: nn.Module, source: Source, batch: int | None) -> Traced:
    size = source.metadata.input_size
    inputs = {INPUT: ((batch or 2, 3, size, size), "float32")}
    return trace_module(module, inputs, [OUTPUT], dynamic_batch=batch is None)


def _prove(
    source: Source,
    expected: list[Array],
    layers: Layers,
    file: Path,
    crop_sets: list[npt.NDArray[np.uint8]],
    report: Path | None,
) -> Parity:
    session = open_session(file, "the exported graph")
    batch = session.get_inputs()[0].shape[0]
    parity = measure_embeddings(expected, on_rows(session), crop_sets)
    rows = network_input(crop_sets[-1][: batch if isinstance(batch, int) else 2])
    settle(
        parity,
        must_matter=True,
        first_difference=lambda: first_difference(source.load(), ir.load(file), layers, (rows,)),
        report=report,
    )
    return parity
