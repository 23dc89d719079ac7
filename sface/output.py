"""The one place that prints: results go to stdout, everything else to stderr.

With `as_json` a command prints one JSON object alone on stdout, errors included:
`{"error": {"code": "no_face", "message": ...}}`. Notes are for people: they go to stderr, unless `quiet`.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

from .errors import SFaceError


@dataclass
class Output:
    """Where a command's words go."""

    as_json: bool = False
    quiet: bool = False

    def result(self, text: str, fields: dict[str, Any], error: SFaceError | None = None) -> None:
        """Print what the user asked for: `text` for a person, `fields` as JSON.

        error: what went wrong with a part of it, told beside the rest; in JSON as the field "error".
        """
        if self.as_json:
            told = {} if error is None else _as_fields(error)
            print(json.dumps({**fields, **told}, allow_nan=False), flush=True)
            return
        print(text, flush=True)
        if error is not None:
            self.error(error)

    def note(self, text: str) -> None:
        """Print a line that a person may want to know and no program needs."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def error(self, error: SFaceError) -> None:
        """Print an error: one line for a person on stderr, an object on stdout for a program."""
        if self.as_json:
            print(json.dumps(_as_fields(error)), flush=True)
        else:
            print(f"error: {_in_one_line(error)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` on one line, without what would steer a terminal or turn the direction of writing."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _as_fields(error: SFaceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": _in_one_line(error)}}


def _in_one_line(error: SFaceError) -> str:
    return " ".join(str(error).split())
