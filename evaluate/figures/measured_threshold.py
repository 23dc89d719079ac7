"""The threshold for a false match rate, measured on a set of people's faces, with the intervals of both error rates."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .bootstrap import rate
from .figures import Rate
from .metrics import pairs_needed, threshold_at_fmr
from .pairs import sample_pairs, similarities


@dataclass(frozen=True, slots=True)
class MeasuredThreshold:
    """A threshold, a cosine, and what was counted at it: errors among all pairs, or `pairs.LIMIT` of each kind.

    fmr, fnmr  with intervals over people, at this very threshold
    people     who have a face in the set
    """

    threshold: float
    fmr: Rate
    fnmr: Rate
    people: int


def measure_threshold(units: NDArray[np.float32], labels: NDArray[np.integer[Any]], fmr: float) -> MeasuredThreshold:
    """The smallest threshold at which no more than the share `fmr` of impostor pairs is the same.

    units   unit embeddings (N, D)
    labels  who each face is, (N,)
    Raises UsageError and DataError as `threshold_at_fmr`, DataError where there are too few impostor pairs or no
    genuine pair.
    """
    must_support(labels, fmr)
    impostor, genuine = (sample_pairs(labels, genuine=kind) for kind in (False, True))
    if not len(genuine):
        raise DataError("nobody has two faces that could be used; genuine pairs need people with two or more")
    scores = similarities(units, impostor)
    threshold, _ = threshold_at_fmr(scores, fmr)
    return MeasuredThreshold(
        threshold,
        rate(scores >= threshold, labels[impostor]),
        rate(similarities(units, genuine) < threshold, labels[genuine]),
        len(np.unique(labels)),
    )


def must_support(labels: NDArray[np.integer[Any]], fmr: float) -> None:
    """Raises DataError, which says how large a set it takes, where the faces of these people, (N,), make fewer impostor
    pairs than `pairs_needed`; UsageError unless 0 < fmr < 1.
    """
    sizes = np.unique(labels, return_counts=True)[1].astype(np.int64)
    faces, people = len(labels), len(sizes)
    squares = int((sizes**2).sum())
    pairs = (faces**2 - squares) // 2
    needed = pairs_needed(fmr)
    if pairs >= needed:
        return
    # A face has impostor pairs with all but `own` faces, the mean number of its person's; so N make N (N - own) / 2.
    own, each = (squares / faces, faces / people) if faces else (1, 1)
    larger = math.ceil((own + math.sqrt(own**2 + 8 * needed)) / 2)
    supported = f", or fmr {_rounded_up(3 / pairs):g}" if pairs > 3 else ""
    raise DataError(
        f"a false match rate of {fmr:g} takes {needed:,} impostor pairs or more to measure, its {faces:,} faces "
        f"of {people:,} people make {pairs:,}",
        remedy=(
            f"take a larger set, of about {larger:,} faces ({math.ceil(larger / each):,} people with "
            f"{each:.3g} each){supported}"
        ),
        argument="fmr" if supported else None,
    )


def _rounded_up(value: float) -> float:
    """The next number of two digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / step) * step
