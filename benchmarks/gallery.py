"""A search in a gallery against the plain product of matrices that it can't do without.

    python benchmarks/gallery.py [--people 1000000] [--size 512] [--photos 1] [--rounds 5]

Both take turns. Prints the median milliseconds for 1 probe and for 16, their ratio, and the memory that the opened
gallery takes.
"""

import argparse
import mmap
import tempfile
from pathlib import Path

import numpy as np

from sface.export.timing import interleaved
from sface.infer.gallery import Gallery


def resident() -> int:
    """The bytes that this process has in memory now, those of mapped files among them (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--photos", type=int, default=1, help="embeddings of each person")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    generator = np.random.default_rng(0)
    rows = args.people * args.photos
    vectors = np.empty((rows, args.size), dtype=np.float32)
    for start in range(0, rows, 10_000):
        part = generator.standard_normal((min(10_000, rows - start), args.size), dtype=np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery("0" * 64, args.size)
        # Put in as they are: `add` would hold the vectors twice.
        gallery._put([f"p{index}" for index in range(args.people)], [args.photos] * args.people, [vectors])
        gallery.save(Path(folder))
        del gallery
        before = resident()
        gallery = Gallery.load(Path(folder))
        for probes in (1, 16):
            x = vectors[np.arange(probes) * 7].copy()
            ours, plain = interleaved([lambda x=x: gallery.search(x, 2), lambda x=x: x @ vectors.T], args.rounds)  # type: ignore[misc]
            print(f"{probes:2} probes: search {ours:8.1f} ms, product {plain:8.1f} ms, {ours / plain:.2f} times")
        print(f"memory of the gallery: {(resident() - before) / vectors.nbytes:.2f} times the vectors")


if __name__ == "__main__":
    main()
