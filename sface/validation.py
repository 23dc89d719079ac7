"""What came from JSON, checked against the dataclass that it stands for."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from .runtime import dependencies

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def from_fields(kind: type[T], fields: Any) -> T:
    """The dataclass `kind`, and those in it, from their fields as JSON gives them.

    A whole number may stand for a real one. Raises ValueError, with the field's place, where one is missing or of the
    wrong kind, or where there is one that `kind` doesn't have; and what `kind` itself raises.
    """
    msgspec = dependencies.require("msgspec", "train")
    try:
        value: T = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    _refuse_unknown(fields, asdict(value), "$")
    return value


def _refuse_unknown(fields: dict[str, Any], known: dict[str, Any], place: str) -> None:
    # msgspec does this for classes of its own alone.
    for name, value in fields.items():
        if name not in known:
            raise ValueError(f"Object contains unknown field `{name}` - at `{place}`")
        if isinstance(value, dict) and isinstance(known[name], dict):
            _refuse_unknown(value, known[name], f"{place}.{name}")
