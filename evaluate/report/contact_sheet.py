"""The worst errors of a set, to look at: pairs of crops side by side."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluated_model import EvaluatedSet
from ..protocols.protocol_result import Pictures

# Pairs of a kind that are shown.
MOST = 12
# Pixels: side of a crop at most, gap between the two of a pair.
CROP, GAP = 160, 4


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair that was decided wrongly.

    pair        its number in the set, from 0
    similarity  a cosine
    picture     its two crops side by side, the bytes of a JPEG
    """

    pair: int
    similarity: float
    picture: bytes


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """The worst errors at a threshold, worst first, and how many there are in all.

    false_matches      impostor pairs at or above the threshold, those of highest similarity; `matches` of them in all
    false_non_matches  genuine pairs below it, those of lowest similarity; `non_matches` of them in all
    """

    threshold: float
    false_matches: tuple[ShownPair, ...]
    matches: int
    false_non_matches: tuple[ShownPair, ...]
    non_matches: int


def contact_sheet(evaluated: EvaluatedSet, threshold: float) -> ContactSheet:
    """The errors of a set at a threshold. Pairs that were not compared are none; without pictures nothing is shown."""
    similarity, same = evaluated.comparisons.similarity, evaluated.comparisons.same
    # NaN, where nothing was compared, is neither below nor above.
    missed = np.flatnonzero(same & (similarity < threshold))
    taken = np.flatnonzero(~same & (similarity >= threshold))
    return ContactSheet(
        threshold,
        _show(evaluated.pictures, taken[np.argsort(-similarity[taken], kind="stable")], similarity),
        len(taken),
        _show(evaluated.pictures, missed[np.argsort(similarity[missed], kind="stable")], similarity),
        len(missed),
    )


def _show(pictures: Pictures | None, worst: NDArray[np.intp], similarity: NDArray[np.float64]) -> tuple[ShownPair, ...]:
    """The first MOST of these pairs that have pictures."""
    shown: list[ShownPair] = []
    if pictures is None:
        return ()
    for pair in worst.tolist():
        if len(shown) == MOST:
            break
        if (crops := pictures(pair)) is not None:
            shown.append(ShownPair(pair, float(similarity[pair]), _side_by_side(*crops)))
    return tuple(shown)


def _side_by_side(first: NDArray[Any], second: NDArray[Any]) -> bytes:
    """Two crops, uint8 (S, S, 3) RGB, as one JPEG."""
    from PIL import Image

    side = min(CROP, first.shape[0])
    picture = Image.new("RGB", (2 * side + GAP, side), "white")
    for left, crop in ((0, first), (side + GAP, second)):
        picture.paste(Image.fromarray(crop).resize((side, side)), (left, 0))
    encoded = io.BytesIO()
    picture.save(encoded, format="JPEG", quality=90)
    return encoded.getvalue()
