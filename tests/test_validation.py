"""Dataclasses from JSON."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sface.errors import UsageError
from sface.validation import from_fields


@dataclass(frozen=True, slots=True)
class Inner:
    size: int
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise UsageError("size: must be 0 or more", argument="size")


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    names: tuple[str, ...] | None = None
    notes: dict[str, Any] = field(default_factory=dict)


def test_what_is_right() -> None:
    fields = {"inner": {"size": 1, "rate": 2}, "names": ["a"], "notes": {"any": {"thing": 1}}}
    assert from_fields(Outer, fields) == Outer(Inner(1, 2.0), ("a",), {"any": {"thing": 1}})
    assert from_fields(Outer, {"inner": {"size": 1}}) == Outer(Inner(1))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "missing required field `inner`"),
        ([], "Expected `object`"),
        (None, "Expected `object`"),
        ({"inner": {}}, r"missing required field `size` - at `\$\.inner`"),
        ({"inner": {"size": 1.0}}, r"Expected `int`, got `float` - at `\$\.inner\.size`"),
        ({"inner": {"size": True}}, "got `bool`"),
        ({"inner": {"size": 1, "rate": "2"}}, "got `str`"),
        ({"inner": {"size": 1}, "names": "a"}, r"at `\$\.names`"),
        ({"inner": {"size": 1}, "name": "a"}, r"unknown field `name` - at `\$`"),
        ({"inner": {"size": 1, "sizes": 2}}, r"unknown field `sizes` - at `\$\.inner`"),
    ],
)
def test_what_is_not(fields: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_fields(Outer, fields)


def test_what_the_dataclass_itself_refuses() -> None:
    with pytest.raises(UsageError, match="must be 0 or more"):
        from_fields(Outer, {"inner": {"size": -1}})
