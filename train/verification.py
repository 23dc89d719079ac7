"""Verification sets during training: which ones there are, and the network's figures on them."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..evaluate.bin_sets import BinSet, open_bin
from ..evaluate.verification import VerificationResult, pair_distances, verification_result
from ..output import Output
from ..runtime import rank
from .config import TARGETS
from .ranks import sum_over_ranks, world_size


def open_sets(root: Path, target: Sequence[str] | None, size: int, output: Output) -> list[BinSet]:
    """Open NAME.bin in `root` for each name of `target`; where that is None, those of TARGETS that are there.

    Raises DataError where a set that was named is missing, or one is damaged or not of `size` pixels.
    """
    sets = []
    for name in TARGETS if target is None else target:
        path = root / f"{name}.bin"
        if target is None and not path.exists():
            output.note(f"{path}: not there; the run is not verified on {name}")
            continue
        opened = open_bin(path)
        if opened.size != size:
            raise DataError(f"{path}: crops of {opened.size} pixels for a network of {size}; leave it out of --target")
        sets.append(opened)
    return sets


def verify_network(backbone: Any, sets: Sequence[BinSet], stopped: threading.Event) -> list[VerificationResult] | None:
    """The network's figures on each set, each shared out over all processes, which must all call this.

    backbone: a module in training mode, which it is in afterwards too. Returns None as soon as `stopped` is set in one
    of the processes. Raises DataError and ImageError as `pair_distances`.
    """
    import jittor as jt

    from ..models.networks import pixels

    def embed(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if stopped.is_set():
            raise _Stopped
        embeddings: npt.NDArray[np.float32] = backbone(pixels(images)).numpy()
        return embeddings

    results = []
    backbone.eval()
    try:
        with jt.no_grad():
            for opened in sets:
                pairs = len(opened)
                first, last = (pairs * number // world_size() for number in (rank(), rank() + 1))
                shared = np.zeros(pairs + 1)  # distances; sum of the embeddings' lengths
                try:
                    shared[first:last], shared[pairs] = pair_distances(embed, opened, first, last)
                except _Stopped:
                    shared[:] = np.nan
                shared = sum_over_ranks(shared)
                if np.isnan(shared).any():
                    return None
                results.append(verification_result(opened.name, shared[:pairs], float(shared[pairs]), opened.same))
    finally:
        backbone.train()
    return results


class _Stopped(Exception):
    """The run was asked to end."""
