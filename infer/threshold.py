"""At which similarity two faces are the same: the caller's threshold, the model file's, or one in common use."""

from dataclasses import dataclass

from ..errors import UsageError
from ..model_files.metadata import ModelMetadata, check_threshold
from .verification import ThresholdSource

# For a model file without any threshold: near those of published networks (0.363 for OpenCV's SFace).
DEFAULT_THRESHOLD = 0.36

_MIRRORED = (
    "the threshold is for faces without their mirror images, which are added here; leave them out or give another"
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and where it comes from, as in `Verification`; notes: what a person should know of it."""

    value: float
    source: ThresholdSource
    fmr: float | None = None
    threshold_set: str | None = None
    fmr_interval: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def choose_threshold(given: float | None, metadata: ModelMetadata, aligner: str, file: str, *, flip: bool) -> Threshold:
    """`given`, or that of the model `file` with these metadata.

    aligner  of the faces that are compared now, "yunet+onet-1"; "aligned" where crops are given
    flip     whether the mirror image's embedding is added, which it isn't where thresholds are measured

    Raises UsageError where `given` is no cosine, ModelError where the file's is none.
    """
    if given is not None:
        if not -1 <= given <= 1:  # nor NaN
            raise UsageError(f"threshold {given:g}: must be a cosine, from -1 to 1", argument="threshold")
        return Threshold(float(given), "given")
    check_threshold(metadata, file)
    notes = (_MIRRORED,) if flip else ()
    if metadata.threshold is not None and metadata.fmr is not None:
        if metadata.aligner != aligner:
            notes = (_aligner_note(metadata.aligner, aligner), *notes)
        low, high = metadata.fmr_low, metadata.fmr_high
        interval = None if low is None or high is None else (low, high)
        return Threshold(metadata.threshold, "file", metadata.fmr, metadata.threshold_set, interval, notes)
    if metadata.published_threshold is not None:
        return Threshold(metadata.published_threshold, "published", notes=notes)
    return Threshold(DEFAULT_THRESHOLD, "default")


def _aligner_note(measured: str | None, used: str) -> str:
    basis = "on crops" if measured == "aligned" else f"with {measured or 'an aligner that is not known'}"
    faces = "these are crops" if used == "aligned" else f"these faces are aligned by {used}"
    option = "--aligned" if used == "aligned" else f"--detector {used.split('+')[0]}"
    return f"the threshold was measured {basis}, {faces}: sface calibrate {option}"
