"""The most similar among very many distractors, found batch by batch: only the highest similarities are kept."""

import numpy as np
from numpy.typing import NDArray

from ..figures.bootstrap import DRAWS, FEWEST_PEOPLE, rate_of, shares, weighted_counts
from ..figures.figures import OperatingPoint
from ..figures.metrics import just_above, matches_allowed

# How many times as many of the highest similarities are kept as a false match rate lets match: a draw of people may
# have a threshold below that of all people.
_SPARE = 10


class Closest:
    """The highest similarities between A photos and all distractors.

    units    float32 (A, D), the photos' embeddings as unit vectors
    ranks    how many distractors are kept of each photo
    matches  how many of all similarities may match

    highest  float32 (A, ranks), of each photo the similarities of its closest distractors, the lowest of them first,
             the others in no order; -inf where there are too few
    distractors  number that was compared
    """

    def __init__(self, units: NDArray[np.float32], ranks: int, matches: int) -> None:
        self._units = units
        self._keep = _SPARE * matches + 1
        self.highest = np.full((len(units), ranks), -np.inf, dtype=np.float32)
        self.distractors = 0
        self._similarity = np.empty(0, dtype=np.float32)
        self._photo = np.empty(0, dtype=np.int32)
        self._floor = np.float32(-np.inf)

    def add(self, distractors: NDArray[np.float32]) -> None:
        """Compare with some more distractors, unit vectors float32 (B, D)."""
        if not len(distractors):
            return
        self.distractors += len(distractors)
        cosines = self._units @ distractors.T  # (A, B)
        rows = np.flatnonzero(cosines.max(axis=1) > self.highest[:, 0])
        ranks = self.highest.shape[1]
        both = np.concatenate([self.highest[rows], cosines[rows]], axis=1)
        self.highest[rows] = np.partition(both, -ranks, axis=1)[:, -ranks:]
        photo, column = np.nonzero(cosines > self._floor)
        self._similarity = np.concatenate([self._similarity, cosines[photo, column]])
        self._photo = np.concatenate([self._photo, photo.astype(np.int32)])
        if len(self._similarity) > 2 * self._keep:
            self._cut()

    def top(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """The highest of all similarities, falling (K,), 1 at most, and the photo of each (K,)."""
        self._cut()
        order = np.argsort(-self._similarity, kind="stable")
        # Rounding may lead a hair beyond what a cosine can be.
        return self._similarity[order].astype(np.float64).clip(max=1), self._photo[order]

    def _cut(self) -> None:
        if len(self._similarity) > self._keep:
            kept = np.argpartition(self._similarity, -self._keep)[-self._keep :]
            self._similarity, self._photo = self._similarity[kept], self._photo[kept]
            self._floor = self._similarity.min()


def operating_point(
    fmr: float,
    closest: Closest,
    people: NDArray[np.int32],
    similarity: NDArray[np.float64],
    owners: NDArray[np.int32],
    lost: NDArray[np.int64],
) -> OperatingPoint:
    """The error rates at the smallest threshold at which no more than the share `fmr` of pairs of a photo and a
    distractor match. Intervals are over the n people of the photos, with the threshold chosen anew in each draw.

    fmr         3 / fmr pairs or more must be there, and `closest` made for as many matches
    people      int (A,), whose photo it is, 0 .. n - 1
    similarity  float64 (G,), of genuine pairs; `owners` int (G,), whose they are
    lost        int (n,), each person's genuine pairs that could not be compared
    """
    top, photo = closest.top()
    impostor = people[photo]
    tried = np.bincount(people, minlength=len(lost)) * closest.distractors  # (n,), each person's impostor pairs

    def threshold(weights: NDArray[np.float64]) -> float:
        allowed = matches_allowed(fmr, int(weights @ tried))
        shut_out = int(np.searchsorted(np.cumsum(weights[impostor]), allowed, side="right"))
        return just_above(top[::-1], max(0, len(top) - 1 - shut_out))

    def counts(weights: NDArray[np.float64], at: float) -> tuple[float, float]:
        """False matches and false non-matches, each as often as its person is in the draw."""
        matching = int(np.searchsorted(-top, -at, side="right"))
        return float(weights[impostor[:matching]].sum()), float(weights[owners[similarity < at]].sum())

    everyone = np.ones(len(lost))
    chosen = threshold(everyone)
    if len(lost) < FEWEST_PEOPLE:
        draws = np.zeros((1, len(lost)))  # of nobody: nothing is known
    else:
        each = np.arange(len(lost))
        draws = weighted_counts(np.stack([each, each], axis=1), each, len(each), draws=DRAWS, seed=0)
    matches = np.array([counts(weights, chosen)[0] for weights in draws])
    misses = np.array([counts(weights, threshold(weights))[1] for weights in draws])
    compared = np.bincount(owners, minlength=len(lost))
    false_matches, missed = map(round, counts(everyone, chosen))
    without, failed = len(similarity), int(lost.sum())
    shown, paired = (int(np.count_nonzero(pairs)) for pairs in (tried, compared))  # people
    return OperatingPoint(
        fmr_asked=fmr,
        threshold=chosen,
        fmr=rate_of(false_matches, int(tried.sum()), shares(matches, draws @ tried), shown * closest.distractors),
        fnmr=rate_of(missed, without, shares(misses, draws @ compared), paired),
        fnmr_with_failures=rate_of(
            missed + failed, without + failed, shares(misses + draws @ lost, draws @ (compared + lost)), paired
        ),
    )
