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

    def result(self, text: str, fields: dict[str, Any]) -> None:
        """Print what the user asked for: `text` for a person, `fields` as JSON."""
        print(json.dumps(fields, allow_nan=False) if self.as_json else text, flush=True)

    def note(self, text: str) -> None:
        """Print a line that a person may want to know and no program needs."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def error(self, error: SFaceError) -> None:
        """Print an error: one line for a person on stderr, an object on stdout for a program."""
        message = " ".join(str(error).split())
        if self.as_json:
            print(json.dumps({"error": {"code": error.code, "message": message}}), flush=True)
        else:
            print(f"error: {message}", file=sys.stderr, flush=True)
