"""Options of a command that are fields of a configuration."""

import argparse
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

from ..config_option import ConfigOption


def add_option(
    group: argparse._ArgumentGroup, name: str, option: ConfigOption, *, with_teacher: object | None = None
) -> None:
    """Add `--name` with the field's help and default.

    with_teacher: the default of a run with a teacher, where that is another.
    """
    defaults = [] if option.default is None else [option.default]
    if with_teacher is not None:
        defaults.append(f"with --teacher {with_teacher}")
    text = f"{option.declared.help} (default: {', '.join(defaults)})" if defaults else option.declared.help
    group.add_argument(f"--{name}", help=text, **_value(option))


def _value(option: ConfigOption) -> dict[str, Any]:
    """How argparse reads an option's value."""
    if option.kind is bool:
        return {"action": "store_true", "default": None}
    choices = get_args(option.kind) if get_origin(option.kind) is Literal else option.declared.choices
    return {
        "type": _READERS.get(option.kind, option.kind if choices is None else str),
        "choices": choices,
        "metavar": option.declared.metavar,
    }


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 35,65,95") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


_READERS: dict[Any, Callable[[str], Any]] = {tuple[int, ...]: _whole_numbers, tuple[str, ...]: _names}
