"""Reading and writing what a model file says about itself. Needs onnx, not Jittor."""

import os
from pathlib import Path

from ... import files
from ...model_files.metadata import PREFIX, ModelMetadata, from_props
from ...runtime import dependencies
from .onnx_file import load_model, load_whole_model


def read_metadata(path: str | os.PathLike[str]) -> ModelMetadata | None:
    """The metadata of the ONNX file `path`; None where it has none of ours.

    Raises ModelError where the file or its metadata can't be read, DependencyError without onnx.
    """
    return from_props({prop.key: prop.value for prop in load_model(Path(path)).metadata_props}, str(path))


def write_metadata(path: str | os.PathLike[str], metadata: ModelMetadata) -> None:
    """Put `metadata` into the ONNX file `path`, in place of those of ours that it has; all else stays as it is.

    The file is replaced at once; behind a link, the file that the link leads to.

    Raises ModelError where the file can't be read or keeps its weights in other files, StorageError where it could not
    be written, DependencyError without onnx.
    """
    onnx = dependencies.require("onnx", "export")
    path = Path(path)
    model = load_whole_model(path)
    kept = [prop for prop in model.metadata_props if not prop.key.startswith(PREFIX)]
    props = {prop.key: prop.value for prop in kept} | metadata.to_props()
    onnx.helper.set_model_props(model, props)
    files.write_bytes(path.resolve(), model.SerializeToString())
