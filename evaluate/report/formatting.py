"""Numbers as people read them, in the text of a command, in a report and in a card."""

import math
from typing import TYPE_CHECKING

from ..figures.figures import Source
from ..identification.identification_figures import FMR, IdentificationFigures

if TYPE_CHECKING:
    from .evaluation_file import IdentificationRecord

_OF = {"given": "the given", "file": "the model's own", "published": "the publisher's"}


def percent(share: float) -> str:
    """A share as a percentage with two decimals; with more where it is nearer to 0 or to 1 than these tell."""
    return f"{_number(share)} %"


def interval(low: float, high: float) -> str:
    """Two shares as the ends of an interval."""
    return f"{_number(low)} to {_number(high)} %"


def asked(fmr: float) -> str:
    """A rate that was asked for: 0.0001 as "0.01 %"."""
    return f"{100 * fmr:.10f}".rstrip("0").rstrip(".") + " %"


def points(change: float) -> str:
    """A change of a share, in percentage points: 0.0125 as "+1.25"."""
    return f"{100 * change:+.2f}"


def counted(number: int, thing: str) -> str:
    """So many things: "1 pair", "6,000 pairs"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def of_origin(source: Source | None) -> str:
    """A threshold by where it comes from: "the model's own threshold"."""
    return "the threshold" if source is None else f"{_OF[source]} threshold"


def identification_limits(found: "IdentificationFigures | IdentificationRecord") -> list[str]:
    """What could not be read or measured, a sentence without its full stop each; nothing where all could."""
    told = []
    if found.failed:
        told.append(f"{found.failed:,} of the photos could not be read; every search for one or with one has missed")
    if found.distractors_failed:
        of = found.distractors + found.distractors_failed
        told.append(f"{found.distractors_failed:,} of {of:,} distractors could not be read and were not searched")
    if found.verification is None:
        told.append(f"FMR {asked(FMR)} takes {found.impostors_needed:,} pairs of a photo and a distractor")
    return told


def _number(share: float) -> str:
    near = 100 * min(share, 1 - share)
    decimals = 2 if near <= 0 else max(2, 1 - math.floor(math.log10(near)))
    return f"{100 * share:.{decimals}f}" if 0 < share < 1 else f"{100 * share:.0f}"
