"""What is known of a model file without running it, for its card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...model_files.known_files import known_metadata
from ...model_files.metadata import ModelMetadata, from_props


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What is known of a model file.

    macs             multiply-accumulates of one run, in words
    inputs, outputs  their names, types and shapes in words
    metadata         its own, or what is known of a published file; None where neither is
    published        it is a published file that is known by its bytes
    licence          of a published file, and who states it, as Markdown
    """

    name: str
    sha256: str
    bytes: int
    parameters: int
    macs: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    metadata: ModelMetadata | None
    published: bool = False
    licence: str | None = None


def describe_file(path: Path) -> ModelFile:
    """Raises ModelError where the file or its metadata can't be read, DependencyError without onnx."""
    from ...export import inspect
    from ...export.onnx_files.inspection import describe, describe_macs
    from ...infer.zoo.catalogue import FILES

    summary = inspect(path)
    metadata = from_props(summary.metadata, summary.file)
    known = known_metadata(summary.sha256, 0, 0) if metadata is None else None  # a card doesn't need the sizes
    zoo_file = next((file for file in FILES.values() if file.sha256 == summary.sha256), None)
    return ModelFile(
        name=Path(summary.file).name,
        sha256=summary.sha256,
        bytes=summary.bytes,
        parameters=summary.parameters,
        macs=describe_macs(summary),
        inputs=[describe(value) for value in summary.inputs],
        outputs=[describe(value) for value in summary.outputs],
        metadata=metadata or known,
        published=known is not None,
        licence=f"{zoo_file.license}, as its publisher states on {zoo_file.page}" if zoo_file else None,
    )
