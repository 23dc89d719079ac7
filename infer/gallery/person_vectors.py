"""Embeddings of people by number, and the exact search in them: every one is compared."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Similarities held at once, 4 MB.
BLOCK = 1 << 20
# So few probes are multiplied one by one: for a product of matrices BLAS rearranges the vectors, which takes longer.
FEW = 2

Vectors = NDArray[np.float32]


class PersonVectors:
    """Unit vectors of people who are numbered from 0, a person's next to each other. It is not changed.

    all     float32 (N, D)
    counts  each person's number of vectors
    """

    def __init__(self, vectors: Vectors, counts: Sequence[int]) -> None:
        self.all = vectors
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)

    @property
    def counts(self) -> list[int]:
        """Each person's number of vectors."""
        counts: list[int] = np.diff(self._starts).tolist()
        return counts

    def between(self, first: int, last: int) -> Vectors:
        """The vectors of the people `first` .. `last` - 1."""
        return self.all[self._starts[first] : self._starts[last]]

    def search(self, probes: Vectors, top: int) -> tuple[NDArray[np.int64], Vectors]:
        """Of each probe, (M, D), up to `top` people and the largest similarity of each, both (M, n); the best first."""
        top = min(top, len(self._starts) - 1)
        best = np.full((len(probes), top), -np.inf, dtype=np.float32)
        who = np.zeros((len(probes), top), dtype=np.int64)
        for first, last in self._blocks(max(1, BLOCK // len(probes))):
            similarities = _products(probes, self.between(first, last))
            # Sorting takes longer than the product: only where the block has somebody better than those found so far.
            rows = np.flatnonzero(similarities.max(axis=1) > best.min(axis=1))
            by_person = self._by_person(similarities[rows], first, last)
            found = _largest(by_person, top)
            values = np.concatenate([best[rows], np.take_along_axis(by_person, found, axis=1)], axis=1)
            people = np.concatenate([who[rows], found + first], axis=1)
            kept = _largest(values, top)
            best[rows] = np.take_along_axis(values, kept, axis=1)
            who[rows] = np.take_along_axis(people, kept, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        return np.take_along_axis(who, order, axis=1), np.take_along_axis(best, order, axis=1).clip(-1, 1)

    def alike(self, threshold: float, among: set[int] | None = None) -> Iterator[tuple[int, int, float]]:
        """Pairs of people (one, other, similarity), one < other, of whom two vectors reach `threshold`; each pair once.

        among: only pairs with one of these people.
        """
        chosen = set(range(len(self._starts) - 1)) if among is None else among
        for index in sorted(chosen):
            probes = self.between(index, index + 1)
            for first, last in self._blocks(max(1, BLOCK // len(probes)), index + 1 if among is None else 0):
                similarities = self._by_person(_products(probes, self.between(first, last)), first, last).max(axis=0)
                for other in (first + np.flatnonzero(similarities >= threshold)).tolist():
                    if other > index or other not in chosen:  # each pair once
                        one, two = sorted((index, other))
                        yield one, two, float(min(similarities[other - first], 1))

    def _blocks(self, rows: int, first: int = 0) -> Iterator[tuple[int, int]]:
        """Runs of people (first, last + 1) from person `first` on, of about `rows` vectors each; no person is cut."""
        while first < len(self._starts) - 1:
            last = int(np.searchsorted(self._starts, self._starts[first] + rows, side="right")) - 1
            last = max(last, first + 1)
            yield first, last
            first = last

    def _by_person(self, similarities: Vectors, first: int, last: int) -> Vectors:
        """Of similarities (M, vectors of the people `first` .. `last` - 1) the largest of each person, (M, people)."""
        if similarities.shape[1] == last - first:
            return similarities
        return np.asarray(np.maximum.reduceat(similarities, self._starts[first:last] - self._starts[first], axis=1))


def _products(probes: Vectors, vectors: Vectors) -> Vectors:
    """The similarities (M, N) of probes (M, D) and vectors (N, D)."""
    return np.stack([vectors @ probe for probe in probes]) if len(probes) <= FEW else probes @ vectors.T


def _largest(values: Vectors, count: int) -> NDArray[np.int64]:
    """The columns of the `count` largest of each row, in any order."""
    if values.shape[1] <= count:
        return np.tile(np.arange(values.shape[1]), (len(values), 1))
    indices: NDArray[np.int64] = np.argpartition(values, -count, axis=1)[:, -count:]
    return indices
