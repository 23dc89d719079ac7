"""How far a command is, for the person who waits: a bar on a terminal, elsewhere a line now and then."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from .output import Output

SECONDS_BETWEEN_NOTES = 10


class Advance(Protocol):
    """To be called with the number of things that were done since the last call."""

    def __call__(self, count: int = 1, /) -> object: ...


@contextmanager
def progress(total: int, what: str, output: Output, done: int = 0) -> Iterator[Advance]:
    """Show how many of `total` things are done, `what` in words; `done` were before.

    The bar is tqdm's; where that isn't installed, a terminal gets lines too.
    """
    if sys.stderr.isatty() and not output.quiet and importlib.util.find_spec("tqdm") is not None:
        from tqdm import tqdm

        with tqdm(total=total, initial=done, unit=f" {what}", leave=False, file=sys.stderr) as bar:
            yield bar.update
        return
    last_note = time.monotonic()

    def advance(count: int = 1, /) -> None:
        nonlocal done, last_note
        done += count
        if time.monotonic() - last_note > SECONDS_BETWEEN_NOTES:
            output.note(f"{done:,} of {total:,} {what}")
            last_note = time.monotonic()

    yield advance
