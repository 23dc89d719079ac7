"""Verification sets during training: which ones there are, and the network's figures on them."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..evaluate.protocols import bin_sets
from ..evaluate.protocols.bin_sets import BinSet
from ..evaluate.protocols.usual_sets import TARGETS
from ..evaluate.ten_fold_verification import VerificationResult, pair_distances, verification_result
from ..output import Output
from ..processes.ranks import sum_over_ranks
from ..runtime.mpi_environment import rank, world_size


def open_sets(root: Path, target: Sequence[str] | None, size: int, output: Output) -> list[BinSet]:
    """The sets of `bin_sets.open_sets`, with a note for each of the usual ones that is not there.

    Raises DataError and ImageError as it does.
    """
    sets = bin_sets.open_sets(root, target, size)
    if target is None:
        for name in TARGETS:
            if name not in [opened.name for opened in sets]:
                output.note(f"{root / name}.bin: not there; the run is not verified on {name}")
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
