"""How far the accuracy of a set falls when the second picture of each pair, the probe, is spoilt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...processes.read_ahead import read_ahead
from ...progress import Advance
from ..crop_embedder import CropEmbedder
from ..figures.accuracy_gain import accuracy_change
from ..figures.comparisons import Comparisons
from ..figures.figures import Accuracy, Estimate, RobustnessRow
from ..figures.measure import measure_accuracy
from ..figures.metrics import unit_rows
from ..protocols.bin_sets import BinSet, pair_ranges
from .degradations import DEGRADATIONS, Degradation


def measure_robustness(
    embedder: CropEmbedder,
    bin_set: BinSet,
    clean: Comparisons,
    *,
    degradations: Sequence[Degradation] = DEGRADATIONS,
    advance: Advance | None = None,
) -> tuple[RobustnessRow, ...]:
    """A row for the clean set, then one for each degradation.

    embedder  adds the mirror image's embedding, where it does, also to the degraded picture's. The next images are read
              and degraded while it embeds
    clean     what `bin_comparisons.compare_bin` gave for this set with this `embedder`
    advance   called with the number of pairs that were done, each with all degradations

    Each degraded probe is compared with its clean first picture; a pair's number decides what is left to chance. The
    intervals are over the people of `clean`, those of the changes over the same people in the same pairs.

    Raises DataError where an embedding is not finite or of length 0, ImageError as `BinSet.images`.
    """
    similarity = np.empty((len(degradations), len(bin_set)), dtype=np.float64)

    def read(pairs: range) -> tuple[range, list[NDArray[np.uint8]]]:
        images = bin_set.images(pairs.start, pairs.stop)
        probes = list(enumerate(images[1::2], pairs.start))
        degraded = [np.stack([each.apply(probe, number) for number, probe in probes]) for each in degradations]
        return pairs, [images[0::2], *degraded]

    parts = pair_ranges(0, len(bin_set), 2 * embedder.batch)
    for pairs, pictures in read_ahead(read, parts, threads=1, chunk=1, depth=2):
        first, *probes = (unit_rows(embedder.raw(each).vectors) for each in pictures)
        for row, units in enumerate(probes):
            similarity[row, pairs.start : pairs.stop] = np.einsum("pd,pd->p", first, units).clip(-1, 1)
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
