"""Reading and writing what a model file says about itself. Needs onnx, not Jittor."""

from pathlib import Path
from typing import Any

from .. import dependencies, files
from ..errors import ModelError
from ..metadata import PREFIX, ModelMetadata, from_props

LARGEST = 2**31  # bytes; protobuf reads no message of that size


def read_metadata(path: Path) -> ModelMetadata | None:
    """The metadata of the ONNX file `path`; None where it has none of ours.

    Raises ModelError where the file or its metadata can't be read, DependencyError without onnx.
    """
    return from_props({prop.key: prop.value for prop in load_model(path).metadata_props}, str(path))


def write_metadata(path: Path, metadata: ModelMetadata) -> None:
    """Put `metadata` into the ONNX file `path`, in place of those of ours that it has; all else stays as it is.

    The file is replaced at once; behind a link, the file that the link leads to.

    Raises ModelError where the file can't be read or keeps its weights in other files, StorageError where it could not
    be written, DependencyError without onnx.
    """
    onnx = dependencies.require("onnx", "export")
    model = load_model(path)
    if any(map(onnx.external_data_helper.uses_external_data, model.graph.initializer)):
        raise ModelError(f"{path}: keeps its weights in other files; save it as one file first (onnx.save)")
    kept = [prop for prop in model.metadata_props if not prop.key.startswith(PREFIX)]
    props = {prop.key: prop.value for prop in kept} | metadata.to_props()
    onnx.helper.set_model_props(model, props)
    files.write_bytes(path.resolve(), model.SerializeToString())


def load_model(path: Path) -> Any:
    """The file as an `onnx.ModelProto`. Weights that lie in other files stay there: none of those is opened.

    Raises ModelError where the file can't be read or holds no network, DependencyError without onnx.
    """
    onnx = dependencies.require("onnx", "export")
    decode_error = dependencies.require("google.protobuf.message", "export").DecodeError
    try:
        size = path.stat().st_size
        if not path.is_file():  # reading a pipe would wait, reading a device might not end
            raise ModelError(f"{path}: not a file; name an ONNX file")
        if size >= LARGEST:
            raise ModelError(
                f"{path}: {size / 1e9:.1f} GB, and an ONNX file ends at 2 GB; save it with its weights in other files "
                "(onnx.save)"
            )
        model = onnx.load_from_string(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror}); name an ONNX file") from error
    except decode_error as error:
        raise ModelError(f"{path}: not an ONNX file, or a damaged one; export it again or get it again") from error
    if not model.graph.node:
        raise ModelError(f"{path}: not an ONNX file, or one without a network; export it again or get it again")
    return model
