"""Any face network's ONNX file → an equal one that is faster, and says what its input is. Needs no Jittor."""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import onnx
import onnx_ir as ir

from .. import __version__
from ..errors import ModelError, PreprocessError, UsageError
from ..files import sha256, write_bytes
from ..model_files.known_files import known_metadata
from ..model_files.metadata import PREFIX, PREPROCESS, ModelMetadata, Preprocess, from_props
from ..model_files.network_input import network_input
from ..model_files.onnx_session import in_one_line, open_session
from .onnx_files.onnx_file import load_whole_model
from .onnx_files.serialize import serialize
from .parity.parity import Parity, embed_all, measure_embeddings, on_rows, raise_unless_equal
from .parity.proof_crops import proof_crops, random_crops
from .parity.timing import interleaved
from .passes import remove_initializers_from_inputs, run_passes
from .passes.free_batch import fix_batch, free_batch
from .passes.graph_edits import constant, only_reader
from .precision.lowering import Lowered, Lowering, lower
from .precision.measurement import Precision
from .precision.precision_choice import Choice
from .request_check import check_request
from .targets import Target

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Measured:
    """One of the two files: bytes, nodes, and milliseconds for one crop on this machine."""

    size: int
    nodes: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Optimized:
    """A file that was written, and how it compares with the one that it was made from.

    path       the file
    before     the original; after, the new file
    loads      whether onnxruntime runs the original as it is; where it doesn't, it was measured with the initializers
               removed from its inputs
    parity     how equal the two are in float32
    precision  what was measured of fp16 or int8 that was asked for; else None
    choice     what "auto" measured of fp32 and int8, and which of them it wrote; else None
    metadata   what the file says about itself
    """

    path: Path
    before: Measured
    after: Measured
    loads: bool
    parity: Parity
    precision: Precision | None
    choice: Choice | None
    metadata: ModelMetadata


def optimize(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    target: str | Target = "onnxruntime",
    preprocess: Preprocess | None = None,
    without: Collection[str] = (),
    lowering: Lowering | None = None,
    report: str | os.PathLike[str] | None = None,
) -> Optimized:
    """Make the ONNX file `source` of any face network faster and write the result to `path`, which may be the same.

    Both files are compared in onnxruntime, on noise and on drawn faces, before the new one is put in its place.

    source: one input float32 (N, 3, S, S) RGB, N free or 1, and one output float32 (N, D), as face networks have.
    target: the library that the file is to be fast in: "onnxruntime" or "opencv".
    preprocess: the input of a file that doesn't say it: "raw", 0..255, or "centered", (x - 127.5) / 127.5.
    without: names of passes (export/passes) to leave out.
    lowering: fp16 or int8 instead of float32, or "auto": whichever of float32 and int8 is better on this machine.
    report: a JSON file for what was measured; it is written also where the file is refused.

    Raises UsageError, ModelError (not such a network, not valid, weights in other files), PreprocessError (nothing says
    what the input is), ParityError (the new file differs), StorageError, DataError, DependencyError, ImageError (a
    picture of the accuracy's set); then there is no new file.
    """
    source, path = Path(source), Path(path)
    target = check_request(path, target, lowering.precision if lowering else "fp32")
    if preprocess is not None and preprocess not in PREPROCESS:
        raise UsageError(f"preprocess {preprocess!r}: must be one of {', '.join(PREPROCESS)}", argument="preprocess")
    report = None if report is None else Path(report)
    proto = load_whole_model(source)
    size_before = source.stat().st_size
    _check(proto, source)
    model = ir.serde.deserialize_model(proto)
    loads, session = _open(proto, source)
    remove_initializers_from_inputs.apply(model)
    size, dimension = _sizes(model, source)
    metadata = _describe(model, source, preprocess, size, dimension)
    nodes_before = len(proto.graph.node)
    run_passes(model, without={*without, *target.without})
    if target.batch is None:
        free_batch(model)
    else:
        fix_batch(model, target.batch)
    for name in [name for name in model.metadata_props if name.startswith(PREFIX)]:
        del model.metadata_props[name]
    model.metadata_props.update(metadata.to_props())
    data = serialize(model)
    reference, optimized = on_rows(session), on_rows(open_session(data, str(source)))
    crop_sets = proof_crops(size)
    expected = embed_all(reference, crop_sets, metadata.preprocess)
    parity = measure_embeddings(expected, optimized, crop_sets, metadata.preprocess)
    raise_unless_equal(parity, must_matter=True, first_difference=lambda: None, report=report)
    lowered = Lowered(model, data)
    if lowering:
        lowered = lower(data, lowering, metadata.preprocess, report)
        optimized = on_rows(open_session(lowered.data, str(source)))
    crop = network_input(random_crops(1, size), metadata.preprocess)
    before, after = interleaved([lambda: reference(crop), lambda: optimized(crop)], ROUNDS)
    write_bytes(path, lowered.data)
    return Optimized(
        path,
        Measured(size_before, nodes_before, before),
        Measured(len(lowered.data), len(lowered.model.graph), after),
        loads,
        parity,
        lowered.precision,
        lowered.choice,
        metadata.without_threshold() if lowered.is_int8 else metadata,
    )


def _check(proto: Any, source: Path) -> None:
    """Refuse what is not valid."""
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ModelError(
            f"not valid ONNX ({in_one_line(error)})", path=source, remedy="export it again or get it again"
        ) from error


def _open(proto: Any, source: Path) -> tuple[bool, Any]:
    """Whether onnxruntime runs the file as it is; a session of it, or of it without weights among its inputs."""
    with suppress(ModelError):
        session = open_session(proto.SerializeToString(), str(source))
        if len(session.get_inputs()) == 1:
            return True, session
    repaired = ir.serde.deserialize_model(proto)
    remove_initializers_from_inputs.apply(repaired)
    return False, open_session(ir.serde.serialize_model(repaired).SerializeToString(), str(source))


def _sizes(model: ir.Model, source: Path) -> tuple[int, int]:
    """S and D. Raises ModelError where it is not a face network's graph."""
    wanted = "a face-recognition network takes one float32 (N, 3, S, S) and gives one float32 (N, D)"
    if len(model.graph.inputs) != 1 or len(model.graph.outputs) != 1:
        count = f"{len(model.graph.inputs)} inputs and {len(model.graph.outputs)} outputs"
        raise ModelError(f"has {count}; {wanted}", path=source)
    taken, given = model.graph.inputs[0].shape, model.graph.outputs[0].shape
    edge = taken[3] if taken is not None and len(taken) == 4 else None
    dimension = given[1] if given is not None and len(given) == 2 else None
    if taken is None or not isinstance(edge, int) or taken[1:3] != (3, edge) or not isinstance(dimension, int):
        raise ModelError(f"takes {taken} and gives {given}; {wanted}", path=source)
    return edge, dimension


def _describe(model: ir.Model, source: Path, preprocess: Preprocess | None, size: int, dimension: int) -> ModelMetadata:
    """What the file says about itself, or what is known of it, or what its graph and the caller say."""
    own = from_props(dict(model.metadata_props), str(source))
    scale = normalization(model)
    stated = own or known_metadata(sha256(source), size, dimension)
    found: str | None = stated.preprocess if stated else ("raw" if scale is not None else None)
    if found is None and preprocess is None:
        raise PreprocessError(
            "neither its metadata nor its graph say what its input is",
            path=source,
            remedy=(
                "give preprocess raw (RGB 0..255) or centered ((x - 127.5) / 127.5), whichever it was trained with"
            ),
            argument="preprocess",
        )
    if preprocess is not None and found is not None and preprocess != found:
        raise PreprocessError(
            f"says that its input is {found}",
            path=source,
            remedy=f"leave out preprocess {preprocess}",
            argument="preprocess",
        )
    if own:
        return replace(own, sface_version=__version__)
    metadata = stated or ModelMetadata(cast(Preprocess, found or preprocess), size, dimension)
    return replace(metadata, input_scale=scale, sface_version=__version__)


def normalization(model: ir.Model) -> float | None:
    """The factor of a graph that begins by normalising raw input, with `Sub`, then `Mul` by one number; else None."""
    (value,) = model.graph.inputs
    for operator in ("Sub", "Mul"):
        node = only_reader(value)
        number = constant(node.inputs[1]) if node is not None and node.op_type == operator else None
        if node is None or number is None or number.size != 1 or node.inputs[0] is not value:
            return None
        value = node.outputs[0]
    return float(number.reshape(-1)[0]) if number is not None else None
