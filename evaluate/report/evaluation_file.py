"""What `sface eval --json` has printed, read back. The file may be anybody's: every value that is used is checked."""

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ...errors import DataError
from ..figures.figures import Estimate, OperatingPoint, Rate
from ..figures.metrics import MARGIN
from ..identification.identification_figures import Identification

LARGEST = 16_000_000  # bytes; an evaluation has thousands
_MOST = 1000  # entries of a list or of `targets`
# The threshold of a network that gives all faces the same embedding lies a hair above the highest cosine.
_HIGHEST = 1 + MARGIN

_ROUNDING = 1e-9

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A false match rate that was asked for, and the impostor pairs that it takes."""

    fmr: float
    impostor_pairs_needed: int


@dataclass(frozen=True, slots=True)
class Degraded:
    """The accuracy of a set under one degradation, and its change against the clean set."""

    degradation: str
    level: str
    accuracy: float
    accuracy_interval: tuple[float, float]
    change: Estimate


@dataclass(frozen=True, slots=True)
class Target:
    """What was measured on one set: fields as of `Figures.to_dict`."""

    protocol: str
    genuine: int
    impostor: int
    people: int
    photos: int
    failed: int
    fta: Rate
    auc: float
    eer: Estimate
    points: tuple[OperatingPoint, ...]
    unsupported: tuple[Unsupported, ...]
    at_threshold: OperatingPoint | None
    draws: int
    accuracy: float | None = None
    accuracy_std: float | None = None
    accuracy_interval: tuple[float, float] | None = None
    accuracy_pairs: int | None = None
    robustness: tuple[Degraded, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one command has measured of one model: verification on sets by name, or identification in sets by name."""

    model_sha256: str
    command: str
    version: str
    detector: str
    flip: bool
    targets: dict[str, Target]
    identification: dict[str, Identification] | None = None


def read_evaluations(path: Path) -> tuple[Evaluation, ...]:
    """The evaluations in a file that holds what `sface eval --json` printed, one of each model.

    Raises DataError, in one line, where the file can't be read or holds something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise DataError(f"can't be read ({getattr(error, 'strerror', None) or error})", path=path) from error
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        values = json.loads(data)
        if isinstance(values, dict) and "error" in values and not values.keys() & {"targets", "models"}:
            raise ValueError("it holds an error in place of figures")
        if isinstance(values, dict) and "models" in values:
            evaluations: tuple[Evaluation, ...] = _read(tuple[Evaluation, ...], values["models"], "models")
            return evaluations
        return (_read(Evaluation, values, ""),)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"not what sface eval --json prints ({reason})", path=path, remedy="write it again") from None


def _read(kind: Any, value: Any, place: str) -> Any:
    """`value`, found at `place` of the file, as one of `kind`: a dataclass, a union, or what they are made of. A number
    is a share, a cosine or a count. Raises ValueError.
    """
    if is_dataclass(kind):
        return _read_fields(kind, value, place)
    arguments = get_args(kind)
    if get_origin(kind) in (types.UnionType, typing.Union):
        return None if value is None else _read(arguments[0], value, place)
    if get_origin(kind) is dict:
        items = _sized(value, dict, place).items()
        return {name: _read(arguments[1], each, f"{place}.{name}") for name, each in items}
    if get_origin(kind) is tuple:
        entries = enumerate(_sized(value, list, place))
        read = tuple(_read(arguments[0], each, f"{place}.{number}") for number, each in entries)
        if arguments[-1] is not Ellipsis and len(read) != len(arguments):
            raise ValueError(f"{_shown(place)} has {len(read)} entries, not {len(arguments)}")
        return read
    if get_origin(kind) is typing.Literal:
        if value not in arguments:
            raise ValueError(f"{_shown(place)} is not one of {', '.join(arguments)}")
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool) and -1 <= value <= _HIGHEST:
        return float(value)
    if kind is int and type(value) is int and 0 <= value < 1 << 60:
        return value
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise ValueError(f"{_shown(place)} is not {_WORDS[kind]}")


_WORDS = {float: "a number from -1 to 1", int: "a count", str: "a text", bool: "true or false"}


def _read_fields(kind: Any, value: Any, place: str) -> Any:
    hints = get_type_hints(kind)
    given = _sized(value, dict, place)
    read = {}
    for field in fields(kind):
        inner = f"{place}.{field.name}".strip(".")
        if field.name in given:
            read[field.name] = _read(hints[field.name], given[field.name], inner)
        elif field.default is MISSING:
            raise ValueError(f"{_shown(inner)} is missing")
    found = kind(**read)
    _check(found, place)
    return found


def _check(found: Any, place: str) -> None:
    """Raises ValueError where figures are none that can be: no shares, outside of their interval, miscounted."""
    # A threshold is a cosine, and an estimate may be a difference.
    shares = [field.name for field in fields(found) if field.name != "threshold" and not isinstance(found, Estimate)]
    for name in shares:
        value = getattr(found, name)
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(f"{_shown(f'{place}.{name}')} is no share, from 0 to 1")
    for name, value, low, high in _intervals(found):
        if not low <= value <= high:
            raise ValueError(f"{_shown(f'{place}.{name}')} is outside of its interval")
    if isinstance(found, Target) and not 0 <= found.eer.low <= found.eer.high <= 1:
        raise ValueError(f"{_shown(f'{place}.eer')} is no share, from 0 to 1")
    if isinstance(found, Rate):
        expected = found.errors / max(1, found.count)
        if found.errors > found.count or abs(found.value - expected) > _ROUNDING:
            raise ValueError(f"{_shown(f'{place}.value')} is not errors / count")


def _intervals(found: Any) -> Iterator[tuple[str, float, float, float]]:
    """The names of the values that have an interval, the values and its ends."""
    if isinstance(found, (Rate, Estimate)):
        yield "value", found.value, found.low, found.high
    if isinstance(found, (Target, Degraded)) and found.accuracy is not None and found.accuracy_interval is not None:
        yield "accuracy", found.accuracy, *found.accuracy_interval


def _sized(value: Any, kind: type[T], place: str) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"{_shown(place)} is not {'an object' if kind is dict else 'a list'}")
    if len(value) > _MOST:  # type: ignore[arg-type]
        raise ValueError(f"{_shown(place)} has more than {_MOST} entries")
    return value


def _shown(place: str) -> str:
    return ascii(place)[1:-1][:100] or "it"
