"""Reading any ONNX file without opening another. Needs onnx, not Jittor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ModelError, UsageError
from ...runtime import dependencies

LARGEST = 2**31  # bytes; protobuf reads no message of that size


def load_model(path: Path) -> Any:
    """The file as an `onnx.ModelProto`. Weights that lie in other files stay there: none of those is opened.

    Raises ModelError where the file can't be read or holds no network, DependencyError without onnx.
    """
    onnx = dependencies.require("onnx", "export")
    decode_error = dependencies.require("google.protobuf.message", "export").DecodeError
    try:
        size = path.stat().st_size
        if not path.is_file():  # reading a pipe would wait, reading a device might not end
            raise ModelError("not a file", path=path, remedy="name an ONNX file")
        if size >= LARGEST:
            raise ModelError(
                f"{size / 1e9:.1f} GB, and an ONNX file ends at 2 GB",
                path=path,
                remedy="save it with its weights in other files (onnx.save)",
            )
        model = onnx.load_from_string(path.read_bytes())
    except OSError as error:
        raise ModelError(f"can't be read ({error.strerror})", path=path, remedy="name an ONNX file") from error
    except decode_error as error:
        raise ModelError(
            "not an ONNX file, or a damaged one", path=path, remedy="export it again or get it again"
        ) from error
    if not model.graph.node:
        raise ModelError(
            "not an ONNX file, or one without a network", path=path, remedy="export it again or get it again"
        )
    return model


def load_whole_model(path: Path) -> Any:
    """As `load_model`, of a file that holds all of its weights. Raises ModelError also where it does not."""
    model = load_model(path)
    if external_tensors(model):
        raise ModelError("keeps its weights in other files", path=path, remedy="save it as one file first (onnx.save)")
    return model


def check_output(path: Path) -> None:
    """Raises UsageError where the file that is to be written is a folder."""
    if path.is_dir():
        raise UsageError("is a folder", path=path, remedy=f"name the file, such as {path / 'model.onnx'}")


def external_tensors(model: Any) -> list[Any]:
    """The tensors, weights and constants in nodes, whose numbers lie in other files."""
    uses_external_data = dependencies.require("onnx.external_data_helper", "export").uses_external_data
    graphs = list(graphs_of(model.graph))
    tensors = [tensor for graph in graphs for tensor in graph.initializer]
    for graph in (*graphs, *model.functions):
        for attribute in (attribute for node in graph.node for attribute in node.attribute):
            tensors += [attribute.t, *attribute.tensors]
    return list(filter(uses_external_data, tensors))


def graphs_of(graph: Any) -> Iterator[Any]:
    """The graph and all those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from graphs_of(inner)
