"""Genuine and impostor pairs of a set of people's photos, and their similarities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pairs of one kind that are measured: what a false match rate of 1e-6 takes (the rule of three), done in seconds.
LIMIT = 3_000_000

_CHUNK = 4096


def sample_pairs(
    labels: NDArray[np.integer[Any]], *, genuine: bool, limit: int = LIMIT, seed: int = 0
) -> NDArray[np.int64]:
    """Pairs of different faces, int64 (P, 2), as indices into `labels` (N,), which says who each face is.

    genuine  True: all pairs of the same person; False: all pairs of two people
    Where there are more than `limit`, an even sample of that many; the same for the same `seed`.
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    rows = np.arange(len(labels))
    ends = np.searchsorted(ordered, ordered, side="right")
    # With the faces in the order of their people, the partners of a face that come after it are, for genuine pairs,
    # those up to its person's last, for impostor pairs, those beyond. Pairs are numbered in that order, so that
    # sampling numbers is enough: the pairs are too many to be listed.
    first, last = (rows + 1, ends) if genuine else (ends, np.full_like(ends, len(labels)))
    until = np.cumsum(last - first)
    total = int(until[-1]) if len(until) else 0
    if total > limit:
        numbers = np.sort(np.random.default_rng(seed).choice(total, limit, replace=False, shuffle=False))
    else:
        numbers = np.arange(total)
    row = np.searchsorted(until, numbers, side="right")
    column = last[row] - (until[row] - numbers)
    pairs: NDArray[np.int64] = np.stack([order[row], order[column]], axis=1).astype(np.int64)
    return pairs


def similarities(embeddings: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cosines (P,) of the pairs (P, 2) of unit `embeddings` (N, D), computed in float64 as a decision is."""
    cosines = np.empty(len(pairs), dtype=np.float64)
    for start in range(0, len(pairs), _CHUNK):
        first, second = embeddings[pairs[start : start + _CHUNK].T].astype(np.float64)
        cosines[start : start + _CHUNK] = (first * second).sum(axis=1)
    return cosines
