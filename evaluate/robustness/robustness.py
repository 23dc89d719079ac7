"""How far the accuracy of a set falls when the second picture of each pair, the probe, is spoilt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...progress import Advance
from ..figures.accuracy_gain import accuracy_change
from ..figures.comparisons import Comparisons
from ..figures.figures import Accuracy, Estimate, RobustnessRow
from ..figures.measure import measure_accuracy
from ..figures.metrics import unit_rows
from ..protocols.bin_sets import BinSet
from ..verification import Embed, ahead, raw_embeddings, spans
from .degradations import DEGRADATIONS, Degradation


def robustness(
    embed: Embed,
    bin_set: BinSet,
    clean: Comparisons,
    *,
    flip: bool = True,
    batch: int = 64,
    degradations: Sequence[Degradation] = DEGRADATIONS,
    advance: Advance | None = None,
) -> tuple[RobustnessRow, ...]:
    """A row for the clean set, then one for each degradation.

    embed    uint8 (batch, S, S, 3) RGB → raw float32 (batch, D); always given `batch` images. The next ones are read
             and degraded meanwhile
    clean    what `bin_comparisons.compare_bin` gave for this set with this `embed` and this `flip`
    flip     whether the mirror image's embedding is added, also the degraded picture's
    advance  called with the number of pairs that were done, each with all degradations

    Each degraded probe is compared with its clean first picture; a pair's number decides what is left to chance. The
    intervals are over the people of `clean`, those of the changes over the same people in the same pairs.

    Raises DataError where an embedding is not finite or of length 0, ImageError as `BinSet.images`.
    """
    similarity = np.empty((len(degradations), len(bin_set)), dtype=np.float64)

    def read(start: int, stop: int) -> tuple[int, list[NDArray[np.uint8]]]:
        images = bin_set.images(start, stop)
        probes = list(enumerate(images[1::2], start))
        degraded = [np.stack([each.apply(probe, number) for number, probe in probes]) for each in degradations]
        return start, [images[0::2], *degraded]

    for start, pictures in ahead(read, spans(0, len(bin_set), 2 * batch)):
        summed = (raw_embeddings(embed, each, str(bin_set.path), batch=batch, flip=flip)[0] for each in pictures)
        first, *probes = map(unit_rows, summed)
        for row, units in enumerate(probes):
            similarity[row, start : start + len(first)] = np.einsum("pd,pd->p", first, units).clip(-1, 1)
        if advance is not None:
            advance(len(first))
    as_it_is = _accuracy(clean)
    rows = [RobustnessRow("none", "", as_it_is, Estimate(0.0, 0.0, 0.0))]
    for degradation, similarities in zip(degradations, similarity, strict=True):
        accuracy = _accuracy(replace(clean, similarity=similarities))
        change = accuracy_change(accuracy, as_it_is, clean)
        rows.append(RobustnessRow(degradation.name, degradation.level, accuracy, change))
    return tuple(rows)


def _accuracy(comparisons: Comparisons) -> Accuracy:
    accuracy = measure_accuracy(comparisons)
    if accuracy is None:
        raise DataError(f"{comparisons.name}: prescribes no ten folds", remedy="needed is a set such as lfw.bin")
    return accuracy
