"""Options that a dataclass's fields are."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from sface.config_option import Option, option, options_of, value_text


@dataclass(frozen=True, slots=True)
class Inner:
    name: str = field(metadata=Option("which", name="inner", argument="inner", metavar="NAME").metadata())
    size: float = option(64.0, "how large", name="inner_size")


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner = field(default_factory=lambda: Inner("a", size=2.5))
    fixed: int = 3
    stages: tuple[int, ...] = option((1, 2), "when")
    end: int | None = option(None, "the end", default="never")
    kind: Literal["raw", "centered"] | None = option(None, "the input")
    shared: bool = option(False, "whether", choices=("yes", "no"))


def test_the_options_of_a_dataclass_and_of_those_in_it() -> None:
    options = options_of(Outer)
    assert [(each.name, each.argument, each.path) for each in options] == [
        ("inner", "inner", ("inner", "name")),
        ("inner_size", "size", ("inner", "size")),
        ("stages", "stages", ("stages",)),
        ("end", "end", ("end",)),
        ("kind", "kind", ("kind",)),
        ("shared", "shared", ("shared",)),
    ]
    assert [each.config for each in options[:3]] == [Inner, Inner, Outer]
    assert [each.kind for each in options] == [str, float, tuple[int, ...], int, Literal["raw", "centered"], bool]
    assert [each.default for each in options] == ["a", "2.5", "1,2", "never", None, None]
    assert (options[0].declared.metavar, options[-1].declared.choices) == ("NAME", ("yes", "no"))


def test_the_dataclass_itself_is_as_without_options() -> None:
    assert Outer() == Outer(Inner("a", 2.5), 3, (1, 2), None, None, False)
    with pytest.raises(TypeError, match="name"):
        Inner()  # type: ignore[call-arg]
    assert options_of(Inner)[0].default is None


@pytest.mark.parametrize(
    ("value", "text"), [(64.0, "64"), (0.078125, "0.078125"), ((35, 65), "35,65"), ((), ""), (7, "7"), ("cpu", "cpu")]
)
def test_values_are_written_as_a_person_does(value: object, text: str) -> None:
    assert value_text(value) == text
