"""The sets of a folder that are bin files, as each network sees them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, ImageError
from ...output import Output
from ...progress import progress
from ..crop_embedder import CropEmbedder
from ..robustness.robustness import measure_robustness
from .bin_comparisons import compare_bin
from .bin_sets import BinSet, open_sets
from .protocol_result import ComparedSet, ProtocolResult
from .usual_sets import TARGETS


def compare_bins(
    embedders: Sequence[CropEmbedder], root: Path, target: Sequence[str] | None, *, robustness: bool, output: Output
) -> list[ProtocolResult]:
    """Compare the pairs of NAME.bin in `root` for each name of `target`, by default of the usual names that are there.

    robustness  also measure the accuracy with degraded pictures

    A set that turns out to be damaged is an error of the result. Raises DataError, ImageError and UsageError as
    `open_sets`, DataError where there is no set.
    """
    sets = open_sets(root, target, embedders[0].size)
    if not sets:
        usual = ", ".join(f"{name}.bin" for name in TARGETS)
        raise DataError(
            f"holds none of {usual}",
            path=root,
            remedy="name other sets with target, or what the folder holds with protocol",
            argument="target",
        )
    return [_compare_sets(embedder, sets, robustness, output) for embedder in embedders]


def _compare_sets(embedder: CropEmbedder, sets: Sequence[BinSet], robustness: bool, output: Output) -> ProtocolResult:
    result = ProtocolResult()
    for opened in sets:
        try:
            result.sets.append(_compare_set(embedder, opened, robustness, output))
        except (DataError, ImageError) as error:
            result.errors.append(error)  # beside the other sets, which took hours
    return result


def _compare_set(embedder: CropEmbedder, bin_set: BinSet, robustness: bool, output: Output) -> ComparedSet:
    def pictures(pair: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        first, second = bin_set.images(pair, pair + 1)
        return first, second

    with progress(len(bin_set), f"pairs of {bin_set.name}", output) as advance:
        comparisons = compare_bin(embedder, bin_set, advance=advance)
    if not robustness:
        return ComparedSet(comparisons, pictures)
    with progress(len(bin_set), f"pairs of {bin_set.name}, degraded", output) as advance:
        rows = measure_robustness(embedder, bin_set, comparisons, advance=advance)
    return ComparedSet(comparisons, pictures, rows)
