"""Seconds and memory that the figures of a set take, without the network: 6,000 pairs, and ten million scores.

    python benchmarks/protocol.py [--scores 10000000] [--people 3000] [--draws 1000]

The aims on two cores: below 2 s; below 60 s and 2 GB. Memory is the peak of the whole process, with NumPy, SciPy and
scikit-learn, whose import is counted to the first of them.
"""

import argparse
import resource
import sys
import time

import numpy as np

from sface.evaluate.figures.comparisons import Comparisons
from sface.evaluate.figures.measure import measure


def comparisons(pairs: int, people: int, genuine: float, seed: int = 0) -> Comparisons:
    """A set of drawn similarities in which people differ in how well they are recognised.

    genuine  the share of pairs of one person; where it is a half, the pairs are in ten folds
    """
    generator = np.random.default_rng(seed)
    same = np.arange(pairs) % round(1 / genuine) == 0
    sides = generator.integers(people, size=(pairs, 2), dtype=np.int32)
    sides[same, 1] = sides[same, 0]
    sides[~same, 1] += sides[~same, 0] == sides[~same, 1]
    sides %= people
    ease = generator.normal(0, 0.05, people)
    similarity = generator.normal(0, 0.1, pairs)
    similarity[same] += 0.5
    similarity += ease[sides].sum(axis=1)
    return Comparisons(
        name="drawn",
        protocol="drawn",
        similarity=similarity.clip(-1, 1),
        same=same,
        people=sides,
        ten_folds=np.arange(pairs) if genuine == 0.5 else None,
        photos=2 * pairs,
        failed=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=1000)
    args = parser.parse_args()
    for pairs, people, genuine in ((6000, 4000, 0.5), (args.scores, args.people, 0.02)):
        drawn = comparisons(pairs, people, genuine)
        start, busy = time.perf_counter(), time.process_time()
        figures = measure(drawn, threshold=0.3, draws=args.draws)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(
            f"{pairs:10,} pairs of {figures.people:,} people: {seconds:5.1f} s ({busy:.1f} s of a core), "
            f"{peak / 1e9:.2f} GB, {figures.draws} draws, "
            f"EER {figures.eer.value:.4f} [{figures.eer.low:.4f}, {figures.eer.high:.4f}]",
            flush=True,
        )


if __name__ == "__main__":
    main()
