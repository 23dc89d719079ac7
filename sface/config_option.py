"""Fields of a configuration that are options of a command: how each is named, what it does, what its default is.

The configuration's dataclass says it, once; the command's parser and its documentation are made from it.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """What a command says of a field.

    help      what it is, in a line
    name      of the option, where it isn't the field's name
    argument  how errors name it (`SFaceError.argument`), where it isn't the field's name
    metavar   what stands for the value in a command's help
    choices   all values that it can have, where the type doesn't say it
    default   the default in words, where the field's own doesn't say it
    """

    help: str
    name: str | None = None
    argument: str | None = None
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    default: str | None = None

    def metadata(self) -> Mapping[str, "Option"]:
        """For a field without a default, `field(metadata=Option("...").metadata())`."""
        return {"option": self}


def option(
    value: T,
    help: str,
    *,
    name: str | None = None,
    argument: str | None = None,
    metavar: str | None = None,
    choices: tuple[str, ...] | None = None,
    default: str | None = None,
) -> T:
    """A dataclass's field that is an option: `batch_size: int = option(256, "images a step")`.

    value: the field's default. The others are those of `Option`.
    """
    made: T = field(default=value, metadata=Option(help, name, argument, metavar, choices, default).metadata())
    return made


@dataclass(frozen=True, slots=True)
class ConfigOption:
    """An option of a configuration.

    config    the dataclass that has the field
    path      the field's place in the outermost dataclass: ("head", "s")
    kind      the field's type, without None
    value     the field's default; None where it has none
    declared  what the field says of it
    """

    config: type
    path: tuple[str, ...]
    kind: Any
    value: Any
    declared: Option

    @property
    def name(self) -> str:
        return self.declared.name or self.path[-1]

    @property
    def argument(self) -> str:
        return self.declared.argument or self.path[-1]

    @property
    def default(self) -> str | None:
        """The default for people; None where it is that the option is left out."""
        if self.declared.default is not None or self.value is None or self.value is False:
            return self.declared.default
        return value_text(self.value)


def value_text(value: Any) -> str:
    """A value as a person writes it on the command line: 64.0 as "64", (35, 65) as "35,65"."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def options_of(config: type, path: tuple[str, ...] = (), defaults: Any = None) -> list[ConfigOption]:
    """The options of a dataclass and of the dataclasses in it, in the order of their fields.

    path, defaults: of a dataclass that is a field of another, its place and its default.
    """
    found: list[ConfigOption] = []
    for entry in fields(config):
        default = _default(entry) if defaults is None else getattr(defaults, entry.name)
        here = (*path, entry.name)
        if isinstance(entry.type, type) and is_dataclass(entry.type):
            found += options_of(entry.type, here, default)
        elif "option" in entry.metadata:
            found.append(ConfigOption(config, here, _without_none(entry.type), default, entry.metadata["option"]))
    return found


def _default(entry: "Field[Any]") -> Any:
    if entry.default_factory is not MISSING:
        return entry.default_factory()
    return None if entry.default is MISSING else entry.default


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (UnionType, Union):
        return kind
    (alone,) = (one for one in get_args(kind) if one is not NoneType)
    return alone
