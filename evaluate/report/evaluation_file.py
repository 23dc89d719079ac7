"""What `sface eval --json` has printed, read back. The file may be anybody's: every value that is used is checked.

Fields are those of the figures that were printed, `Figures.to_dict` and `IdentificationFigures.to_dict`.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from ...errors import DataError
from ...output import printable
from ..figures.figures import Source
from ..figures.metrics import MARGIN

LARGEST = 16_000_000  # bytes; an evaluation has thousands
_MOST = 1000  # entries of a list or of `targets`
_ROUNDING = 1e-9

Share = Annotated[float, Meta(ge=0, le=1)]
Signed = Annotated[float, Meta(ge=-1, le=1)]
# The threshold of a network that gives all faces the same embedding lies a hair above the highest cosine.
Threshold = Annotated[float, Meta(ge=-1, le=1 + MARGIN)]
Count = Annotated[int, Meta(ge=0, lt=1 << 60)]
Interval = tuple[Share, Share]
Few = Meta(max_length=_MOST)

T = TypeVar("T")


class RateRecord(Struct, frozen=True):
    """A share of errors among comparisons, with its interval."""

    value: Share
    low: Share
    high: Share
    errors: Count
    count: Count

    def __post_init__(self) -> None:
        _must_hold("value", self.value, (self.low, self.high))
        expected = self.errors / max(1, self.count)
        if self.errors > self.count or abs(self.value - expected) > _ROUNDING:
            raise ValueError("value is not errors / count")


class EstimateRecord(Struct, frozen=True):
    """A figure with its interval; it may be a difference."""

    value: Signed
    low: Signed
    high: Signed

    def __post_init__(self) -> None:
        _must_hold("value", self.value, (self.low, self.high))


class PointRecord(Struct, frozen=True):
    """The error rates at a threshold."""

    fmr_asked: Share | None
    threshold: Threshold
    fmr: RateRecord
    fnmr: RateRecord
    fnmr_with_failures: RateRecord
    source: Source | None = None


class UnsupportedRecord(Struct, frozen=True):
    """A false match rate that was asked for, and the impostor pairs that it takes."""

    fmr: Share
    impostor_pairs_needed: Count


class DegradedRecord(Struct, frozen=True):
    """The accuracy of a set under one degradation, and its change against the clean set."""

    degradation: str
    level: str
    accuracy: Share
    accuracy_interval: Interval
    change: EstimateRecord

    def __post_init__(self) -> None:
        _must_hold("accuracy", self.accuracy, self.accuracy_interval)


class TargetRecord(Struct, frozen=True):
    """What was measured on one set."""

    protocol: str
    genuine: Count
    impostor: Count
    people: Count
    photos: Count
    failed: Count
    fta: RateRecord
    auc: Share
    eer: EstimateRecord
    points: Annotated[tuple[PointRecord, ...], Few]
    unsupported: Annotated[tuple[UnsupportedRecord, ...], Few]
    at_threshold: PointRecord | None
    draws: Count
    accuracy: Share | None = None
    accuracy_std: Share | None = None
    accuracy_interval: Interval | None = None
    accuracy_pairs: Count | None = None
    robustness: Annotated[tuple[DegradedRecord, ...], Few] = ()

    def __post_init__(self) -> None:
        if self.accuracy is not None and self.accuracy_interval is not None:
            _must_hold("accuracy", self.accuracy, self.accuracy_interval)
        if self.eer.low < 0:
            raise ValueError("eer is no share, from 0 to 1")


class RankRecord(Struct, frozen=True):
    """The share of searches that did not bring the person's other photo among the first `rank`."""

    rank: Count
    missed: RateRecord


class IdentificationRecord(Struct, frozen=True):
    """The figures of identification."""

    name: str
    protocol: str
    people: Count
    photos: Count
    failed: Count
    distractors: Count
    distractors_failed: Count
    noisy: tuple[Count, Count]
    searches: Count
    ranks: Annotated[tuple[RankRecord, ...], Few]
    verification: PointRecord | None
    impostors_needed: Count


class _Printed(Struct, frozen=True):
    """An evaluation whose figures are not looked at yet."""

    model_sha256: str
    command: str
    version: str
    detector: str
    flip: bool
    targets: Annotated[dict[str, Any], Few]
    identification: Annotated[dict[str, Any], Few] | None = None


class EvaluationRecord(_Printed, frozen=True):
    """What one command has measured of one model: verification on sets by name, or identification in sets by name."""

    targets: dict[str, TargetRecord]
    identification: dict[str, IdentificationRecord]


def read_evaluations(path: str | os.PathLike[str]) -> tuple[EvaluationRecord, ...]:
    """The evaluations in a file that holds what `sface eval --json` printed, one of each model.

    Raises DataError, in one line, where the file can't be read or holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise DataError(f"can't be read ({getattr(error, 'strerror', None) or error})", path=path) from error
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        return _evaluations(json.loads(data))
    except (ValueError, RecursionError) as error:
        reason = printable(" ".join(str(error).split()))[:200]
        raise DataError(f"not what sface eval --json prints ({reason})", path=path, remedy="write it again") from None


def _evaluations(values: Any) -> tuple[EvaluationRecord, ...]:
    if isinstance(values, dict) and "error" in values and not values.keys() & {"targets", "models"}:
        raise ValueError("it holds an error in place of figures")
    if isinstance(values, dict) and "models" in values:
        models = _read(values["models"], Annotated[list[Any], Few], "models")
        return tuple(_evaluation(value, f"models[{number}]") for number, value in enumerate(models))
    return (_evaluation(values, ""),)


def _evaluation(value: Any, place: str) -> EvaluationRecord:
    printed = _read(value, _Printed, place)
    inside = f"{place}.".removeprefix(".")

    def by_name(found: dict[str, Any], kind: type[T], field: str) -> dict[str, T]:
        # One by one: msgspec's messages don't name the key of a dict.
        return {name: _read(each, kind, f"{inside}{field}.{name}") for name, each in found.items()}

    return EvaluationRecord(
        model_sha256=printed.model_sha256,
        command=printed.command,
        version=printed.version,
        detector=printed.detector,
        flip=printed.flip,
        targets=by_name(printed.targets, TargetRecord, "targets"),
        identification=by_name(printed.identification or {}, IdentificationRecord, "identification"),
    )


def _read(value: Any, kind: Any, place: str) -> Any:
    """`value`, found at `place` of the file, as one of `kind`. Raises ValueError that names the place."""
    try:
        # Not msgspec.json: it refuses the names of files that are no text, which json writes and reads.
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, inner = str(error).partition(" - at `$")
        where = ascii(f"{place}{inner.removesuffix('`')}".strip("."))[1:-1][:100]
        raise ValueError(f"{where or 'it'}: {reason}") from None


def _must_hold(name: str, value: float, interval: tuple[float, float]) -> None:
    low, high = interval
    if not low <= value <= high:
        raise ValueError(f"{name} is outside of its interval")
