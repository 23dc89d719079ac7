"""The one place that prints: results go to stdout, everything else to stderr.

With `as_json` a command prints one JSON object alone on stdout, errors included:
`{"error": {"code": "no_face", "message": ...}}`. Notes are for people: they go to stderr, unless `quiet`.

Names of files and people come from anywhere: what people read has no character that would steer their terminal.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .errors import SFaceError, StorageError


class Output:
    """Where a command's words go. For a function that is called from Python: Output(quiet=True), or none.

    options: the command's options by the arguments that they stand for, where their names differ ({"s": "param_s"});
        None outside a command line. Errors name arguments; a person at a command line is told of options.
    """

    # No dataclass: to import that module takes a tenth of the time of `sface --help`.
    def __init__(self, as_json: bool = False, quiet: bool = False, options: Mapping[str, str] | None = None) -> None:
        self.as_json, self.quiet, self.options = as_json, quiet, options
        self._stdout_is_lost = False

    def result(self, text: str, fields: dict[str, Any], error: SFaceError | None = None) -> None:
        """Print what the user asked for: `text` for a person, `fields` as JSON.

        error: what went wrong with a part of it, told beside the rest; in JSON as the field "error".
        Raises StorageError where stdout can't be written, as on a full disk.
        """
        if self.as_json:
            told = {} if error is None else self._as_fields(error)
            self._to_stdout(json.dumps({**fields, **told}, allow_nan=False))
            return
        self._to_stdout(_for_people(text))
        if error is not None:
            self.error(error)

    def note(self, text: str) -> None:
        """Print a line that a person may want to know and no program needs."""
        if not self.quiet:
            print(_for_people(text), file=sys.stderr, flush=True)

    def error(self, error: SFaceError) -> None:
        """Print an error: one line for a person on stderr, an object on stdout for a program, where that can be."""
        if self.as_json and not self._stdout_is_lost:
            with suppress(StorageError):
                self._to_stdout(json.dumps(self._as_fields(error)))
                return
        print(f"error: {self._in_one_line(error)}", file=sys.stderr, flush=True)

    def _as_fields(self, error: SFaceError) -> dict[str, Any]:
        return {"error": {"code": error.code, "message": self._in_one_line(error)}}

    def option(self, argument: str) -> str:
        """What the reader calls an argument: at a command line its option ("--faces"), in Python its name ("faces")."""
        return argument if self.options is None else _option(argument, self.options)

    def setting(self, argument: str, value: str) -> str:
        """An argument with a value, as the reader writes it: "--faces all", in Python "faces='all'"."""
        return f"{argument}={value!r}" if self.options is None else f"{self.option(argument)} {value}"

    def text(self, error: SFaceError) -> str:
        """The error's text for the reader: at a command line with the option in place of the argument."""
        return str(error) if self.options is None else with_option(error, self.options)

    def explanation(self, error: SFaceError) -> str:
        """The same without the path: for those who name the path themselves."""
        return error.explanation if self.options is None else _explanation(error, self.options)

    def _in_one_line(self, error: SFaceError) -> str:
        return printable(" ".join(self.text(error).split()))

    def _to_stdout(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._stdout_is_lost = True
            # Python would try again to write it at its end, and change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise StorageError(f"standard output: can't be written ({error.strerror})") from error


LONGEST_VALUE = 160  # characters of a metadata value; some hold whole tables


def shortened(text: str) -> str:
    """A metadata value, cut after LONGEST_VALUE characters."""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


def printable(text: str) -> str:
    """`text` on one line, without what would steer a terminal or turn the direction of writing."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def with_option(error: SFaceError, options: Mapping[str, str]) -> str:
    """The error's text with the option in place of the argument that it names, or behind it where it names none.

    It is looked for at the reason's start, then in the remedy, then in the rest of the reason, which may have the word
    in its plain sense ("3 faces were found").
    """
    text = _explanation(error, options)
    return text if error.path is None else f"{error.path}: {text}"


def _explanation(error: SFaceError, options: Mapping[str, str]) -> str:
    if error.argument is None:
        return error.explanation
    option = _option(error.argument, options)
    named = rf"(?<![\w/.-]){re.escape(error.argument)}(?![\w/]|\.\w)"  # not within a path
    reason, remedy = error.reason, error.remedy or ""
    count = 0
    if re.match(named, reason) is None:
        remedy, count = re.subn(named, option, remedy, count=1)
    if not count:
        reason, count = re.subn(named, option, reason, count=1)
    text = f"{reason}; {remedy}" if remedy else reason
    return text if count else f"{text} ({option})"


def _option(argument: str, options: Mapping[str, str]) -> str:
    return f"--{options.get(argument, argument)}"


def _for_people(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
