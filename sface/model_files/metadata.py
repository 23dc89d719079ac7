"""What a model file says about itself, in its ONNX `metadata_props`: one `sface.*` key for each field.

Plain text in, plain text out: reading needs no onnx (onnxruntime gives the properties), writing is
`export/onnx_files/onnx_metadata.py`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Literal, get_args

from ..errors import ModelError
from ..output import printable

PREFIX = "sface."
FORMAT = "1"

# raw: RGB, 0..255; the normalisation is part of the graph. centered: RGB, (x - 127.5) / 127.5 is done by the caller.
Preprocess = Literal["raw", "centered"]
PREPROCESS: tuple[str, ...] = get_args(Preprocess)


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A model file's own words. The fields of the threshold are set together, by `sface calibrate`, or not at all;
    older files have of them `threshold`, `fmr` and `threshold_set` alone.

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
    fmr            the false match rate measured at the threshold, a share; fmr_low, fmr_high: its interval of 95 % over
                   people
    fnmr           the false non-match rate there, a share; fnmr_low, fnmr_high: its interval
    threshold_set  the name of the set that it was measured on
    aligner        that gave the landmarks of that set's faces ("yunet+onet-1"); "aligned" where crops were given
    threshold_people          in that set, with a face that could be used
    threshold_impostor_pairs  that `fmr` was counted on; threshold_genuine_pairs, that `fnmr` was
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
    fmr_low: float | None = None
    fmr_high: float | None = None
    fnmr: float | None = None
    fnmr_low: float | None = None
    fnmr_high: float | None = None
    threshold_set: str | None = None
    aligner: str | None = None
    threshold_people: int | None = None
    threshold_impostor_pairs: int | None = None
    threshold_genuine_pairs: int | None = None
    published_threshold: float | None = None

    def without_threshold(self) -> "ModelMetadata":
        """The same without what `sface calibrate` measured: that holds for one file's embeddings."""
        return replace(self, **dict.fromkeys(_OF_THE_THRESHOLD))  # type: ignore[arg-type]

    def to_props(self) -> dict[str, str]:
        """The properties to store, `{"sface.preprocess": "raw", ...}`; fields that are None are left out.

        Characters that can't be printed, such as those of a folder's name, are written as escapes.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        props = {PREFIX + name: printable(str(value)) for name, value in values.items() if value is not None}
        return {PREFIX + "format": FORMAT, **props}


# What `sface calibrate` measures.
_MEASURED_SHARES = ("threshold", "fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")
_MEASURED_COUNTS = ("threshold_people", "threshold_impostor_pairs", "threshold_genuine_pairs")
_OF_THE_THRESHOLD = (*_MEASURED_SHARES, *_MEASURED_COUNTS, "threshold_set", "aligner")
_TYPES: dict[str, type] = {
    "input_size": int,
    "input_scale": float,
    "embedding_size": int,
    **dict.fromkeys(_MEASURED_SHARES, float),
    **dict.fromkeys(_MEASURED_COUNTS, int),
    "published_threshold": float,
}


def from_props(props: Mapping[str, str], file: str) -> ModelMetadata | None:
    """Read the properties of the model file named `file`; None where it has none of ours.

    Raises ModelError where they are damaged or of a later format.
    """
    if PREFIX + "format" not in props:
        return None
    if props[PREFIX + "format"] != FORMAT:
        raise ModelError(
            f"its metadata have format {props[PREFIX + 'format']!r}", path=file, remedy="update sface to read them"
        )
    values: dict[str, Any] = {}
    try:
        for field in fields(ModelMetadata):
            if (text := props.get(PREFIX + field.name)) is not None:
                values[field.name] = _TYPES.get(field.name, str)(text)
        metadata = ModelMetadata(**values)
    except (TypeError, ValueError) as error:
        raise ModelError(f"its metadata are damaged ({error})", path=file, remedy="export the file again") from None
    for name in props:
        # Parts of it are printed: no line breaks, no colours of the terminal.
        if name.startswith(PREFIX) and not props[name].isprintable():
            raise ModelError(
                f"{name} in its metadata is no text of one line", path=file, remedy="export the file again"
            )
    if metadata.preprocess not in PREPROCESS:
        raise ModelError(
            f"unknown preprocess {metadata.preprocess!r} in its metadata", path=file, remedy="update sface"
        )
    return metadata


def check_threshold(metadata: ModelMetadata, file: str) -> None:
    """Raises ModelError, which names `file`, where what its metadata say of thresholds can't be: a threshold that is no
    cosine, a rate that is no share or lies outside its interval, a count below 1.
    """
    shares = (metadata.fmr_low, metadata.fmr, metadata.fmr_high), (metadata.fnmr_low, metadata.fnmr, metadata.fnmr_high)
    counts = metadata.threshold_people, metadata.threshold_impostor_pairs, metadata.threshold_genuine_pairs
    ordered = [[value for value in (0, *triple, 1) if value is not None] for triple in shares]
    # NaN is neither above nor below anything.
    if not (
        _is_cosine(metadata.threshold)
        and all(low <= high for values in ordered for low, high in pairwise(values))
        and all(count is None or count >= 1 for count in counts)
    ):
        raise ModelError("the threshold in its metadata is damaged", path=file, remedy="run sface calibrate again")
    if not _is_cosine(metadata.published_threshold):
        raise ModelError(
            f"its published threshold is {metadata.published_threshold:g}", path=file, remedy="get the file again"
        )


def _is_cosine(value: float | None) -> bool:
    return value is None or -1 <= value <= 1
