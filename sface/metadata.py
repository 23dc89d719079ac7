"""What a model file says about itself, in its ONNX `metadata_props`: one `sface.*` key for each field.

Plain text in, plain text out: reading needs no onnx (onnxruntime gives the properties), writing is
`export/metadata.py`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from .errors import ModelError

PREFIX = "sface."
FORMAT = "1"

# raw: RGB, 0..255; the normalisation is part of the graph. centered: RGB, (x - 127.5) / 127.5 is done by the caller.
Preprocess = Literal["raw", "centered"]
PREPROCESS: tuple[str, ...] = get_args(Preprocess)


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A model file's own words. The four fields of the threshold are set together, by `sface calibrate`, or not at all.

    preprocess     the input: float32 (N, 3, S, S), RGB, "raw" 0..255 or "centered" (x - 127.5) / 127.5
    input_size     S, in pixels
    input_scale    the factor of the normalisation inside the graph, (x - 127.5) * input_scale
    embedding_size D; the output is float32 (N, D), not normalised
    template       the five points' places in the crop, by name ("arcface-112")
    network        the architecture ("MobileFaceNet")
    loss           the loss and its parameters, as text
    training_set   the set's name
    sface_version  of the project that wrote the file
    threshold      cosine; two faces are the same when their similarity is at or above it
    fmr            the false match rate measured at the threshold, a share
    threshold_set  the name of the set that it was measured on
    detector       the detector that found the faces of that set ("mtcnn", "yunet", "aligned")
    published_threshold  cosine that those who trained the network recommend, without a measured rate
    """

    preprocess: Preprocess
    input_size: int
    embedding_size: int
    input_scale: float | None = None
    template: str = "arcface-112"
    network: str = ""
    loss: str = ""
    training_set: str = ""
    sface_version: str = ""
    threshold: float | None = None
    fmr: float | None = None
    threshold_set: str | None = None
    detector: str | None = None
    published_threshold: float | None = None

    def to_props(self) -> dict[str, str]:
        """The properties to store, `{"sface.preprocess": "raw", ...}`; fields that are None are left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        props = {PREFIX + name: str(value) for name, value in values.items() if value is not None}
        return {PREFIX + "format": FORMAT, **props}


_TYPES: dict[str, type] = {
    "input_size": int,
    "input_scale": float,
    "embedding_size": int,
    "threshold": float,
    "fmr": float,
    "published_threshold": float,
}


def from_props(props: Mapping[str, str], file: str) -> ModelMetadata | None:
    """Read the properties of the model file named `file`; None where it has none of ours.

    Raises ModelError where they are damaged or of a later format.
    """
    if PREFIX + "format" not in props:
        return None
    if props[PREFIX + "format"] != FORMAT:
        raise ModelError(f"{file}: its metadata have format {props[PREFIX + 'format']!r}; update sface to read them")
    values: dict[str, Any] = {}
    try:
        for field in fields(ModelMetadata):
            if (text := props.get(PREFIX + field.name)) is not None:
                values[field.name] = _TYPES.get(field.name, str)(text)
        metadata = ModelMetadata(**values)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{file}: its metadata are damaged ({error}); export the file again") from None
    for name in props:
        # Parts of it are printed: no line breaks, no colours of the terminal.
        if name.startswith(PREFIX) and not props[name].isprintable():
            raise ModelError(f"{file}: {name} in its metadata is no text of one line; export the file again")
    if metadata.preprocess not in PREPROCESS:
        raise ModelError(f"{file}: unknown preprocess {metadata.preprocess!r} in its metadata; update sface")
    return metadata
