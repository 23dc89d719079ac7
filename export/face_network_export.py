"""A trained face network → an ONNX file that says all about itself and is proven to be the same function.

The file takes float32 (batch, 3, S, S), RGB, 0..255, and gives the raw embedding float32 (batch, D). Normalisation is
inside: its Sub and Mul are the graph's first two nodes, which is where other readers look for them.
"""

import gc
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import jittor as jt
import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from jittor import nn

from ..files import write_atomically
from ..model_files.metadata import ModelMetadata
from ..model_files.network_input import network_input
from ..model_files.onnx_session import open_session
from ..models.network_config import NetworkConfig
from .module_export import run_module, trace_module
from .network_source import Source, open_source
from .onnx_files.onnx_file import load_whole_model
from .onnx_files.serialize import serialize_in_parts
from .parity.first_difference import first_difference
from .parity.parity import Array, Parity, embed_all, measure_embeddings, on_rows, raise_unless_equal
from .parity.proof_crops import proof_crops
from .passes import run_passes
from .passes.unit_output import add_unit_output
from .precision.lowering import Lowering, lower
from .precision.measurement import Precision
from .precision.precision_choice import Choice
from .request_check import check_request
from .targets import Target
from .tracing.trace import Layers, Traced

INPUT, OUTPUT = "input", "embedding"


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written, and how equal it is.

    path        the file
    checkpoint  what it was made from: the checkpoint's folder, or the file of weights
    metadata    what the file says about itself
    parity      how equal it is to the network in float32
    precision   what was measured of fp16 or int8 that was asked for; else None
    choice      what "auto" measured of fp32 and int8, and which of them it wrote; else None
    nodes       of its graph
    size        in bytes
    """

    path: Path
    checkpoint: Path
    metadata: ModelMetadata
    parity: Parity
    precision: Precision | None
    choice: Choice | None
    nodes: int
    size: int


@dataclass(frozen=True, slots=True)
class Check:
    """A file that is equal to a network: `path` and `parity`, `checkpoint` and `metadata` of the network as in
    `Export`."""

    path: Path
    checkpoint: Path
    metadata: ModelMetadata
    parity: Parity


def export(
    checkpoint: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    network: NetworkConfig | None = None,
    target: str | Target = "onnxruntime",
    batch: int | None = None,
    unit_output: bool = False,
    without: Collection[str] = (),
    lowering: Lowering | None = None,
    report: str | os.PathLike[str] | None = None,
) -> Export:
    """Write a trained face network to the ONNX file `path`.

    The file is compared with the network in onnxruntime, on noise and on drawn faces, before it is put in its place.

    checkpoint: a checkpoint's folder; a run's folder: its best checkpoint, or the last where none is best; or a file of
        weights of the published code (.pth, .pkl).
    network: of a file of weights, which doesn't say it.
    target: the library that the file is to be fast in: "onnxruntime" or "opencv".
    batch: take exactly that many crops at once; None: any number, or what the target wants.
    unit_output: give unit vectors instead of raw embeddings.
    without: names of passes (export/passes) to leave out.
    lowering: fp16 or int8 instead of float32, or "auto": whichever of float32 and int8 is better on this machine.
    report: a JSON file for what was measured; it is written also where the file is refused.

    Raises UsageError, CheckpointError (the weights can't be used), ModelError (the network can't be written),
    ParityError (the file differs), StorageError, DataError, DependencyError, ImageError (a picture of the
    accuracy's set); then there is no file, or still the one that was there.
    """
    path = Path(path)
    target = check_request(path, target, lowering.precision if lowering else "fp32", batch=batch)
    return export_source(
        open_source(checkpoint, network),
        path,
        batch=batch or target.batch,
        unit_output=unit_output,
        without={*without, *target.without},
        lowering=lowering,
        report=None if report is None else Path(report),
    )


def check(
    file: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    *,
    network: NetworkConfig | None = None,
    report: str | os.PathLike[str] | None = None,
) -> Check:
    """Compare the ONNX file `file` with a trained face network, as `export` does; nothing but `report` is written.

    checkpoint, network, report: as of `export`.

    Raises ParityError where the file differs, which names the first layer that does; ModelError, CheckpointError and
    UsageError where one of the two can't be used.
    """
    path, source = Path(file), open_source(checkpoint, network)
    load_whole_model(path)
    crop_sets = proof_crops(source.metadata.input_size)
    module = source.load()
    expected = _embed_all(module, crop_sets)
    layers = _trace(module, source, None).layers
    parity = _prove(source, expected, layers, path, crop_sets, None if report is None else Path(report))
    return Check(path, source.path, source.metadata, parity)


def export_source(
    source: Source,
    path: Path,
    *,
    batch: int | None = None,
    unit_output: bool = False,
    without: Collection[str] = (),
    lowering: Lowering | None = None,
    report: Path | None = None,
) -> Export:
    """Write the network of `source`, as `export` does with a checkpoint's."""
    crop_sets = proof_crops(source.metadata.input_size)

    def write(temporary: Path) -> Export:
        module = source.load()
        expected = _embed_all(module, crop_sets)
        traced = _trace(module, source, batch)
        del module
        _free_memory()
        layers, nodes = traced.layers, _write_float32(traced.model, temporary, source.metadata, without, unit_output)
        del traced
        _free_memory()
        parity = _prove(source, expected, layers, temporary, crop_sets, report)
        precision = choice = None
        if lowering:
            lowered = lower(temporary.read_bytes(), lowering, "raw", report)
            temporary.write_bytes(lowered.data)
            precision, choice, nodes = lowered.precision, lowered.choice, len(lowered.model.graph)
        return Export(path, source.path, source.metadata, parity, precision, choice, nodes, temporary.stat().st_size)

    return write_atomically(path, write)


def _write_float32(
    model: ir.Model, path: Path, metadata: ModelMetadata, without: Collection[str], unit_output: bool
) -> int:
    """Finish a traced network and write its file, not proven yet. Gives the number of its nodes."""
    run_passes(model, without=without)
    if unit_output:
        add_unit_output(model)
    model.metadata_props.update(metadata.to_props())
    with path.open("wb") as file:
        file.writelines(serialize_in_parts(model))
    return len(model.graph)


def _free_memory() -> None:
    """The network, the graph and its bytes are each as large as the weights: no two of them are to be held for long.
    What has been traced refers to itself, and Jittor keeps what it once had."""
    gc.collect()
    jt.gc()


def _embed_all(module: nn.Module, crop_sets: list[npt.NDArray[np.uint8]]) -> list[Array]:
    run = run_module(module)
    expected = embed_all(lambda x: run(x)[0], crop_sets)
    _free_memory()
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
    raise_unless_equal(
        parity,
        must_matter=True,
        first_difference=lambda: first_difference(source.load(), ir.load(file), layers, (rows,)),
        report=report,
    )
    return parity
