"""A search in a gallery against the plain product of matrices that it can't do without, and against faiss if installed.

    python benchmarks/gallery.py [--people 1000000] [--size 512] [--photos 1] [--rounds 5]

They take turns. Prints the median milliseconds for each number of probes, and the memory that the opened gallery takes.
faiss searches exactly too (`faiss.knn`, inner product), in the same mapped vectors; that both find the same is checked.
"""

import argparse
import importlib
import importlib.util
import mmap
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sface.export.parity.timing import interleaved
from sface.infer import Gallery
from sface.infer.gallery.person_vectors import BLOCK, Vectors


class Network(NamedTuple):
    """What a gallery has to know of an embedder."""

    sha256: str
    embedding_size: int


def resident() -> int:
    """The bytes that this process has in memory now, those of mapped files among them (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def product(probes: Vectors, vectors: Vectors) -> None:
    """All similarities, in blocks, so that those of many probes don't fill the memory."""
    for start in range(0, len(vectors), BLOCK // len(probes)):
        probes @ vectors[start : start + BLOCK // len(probes)].T


def nearest(faiss: Any, probes: Vectors, vectors: Vectors, count: int) -> Any:
    """Similarities and rows of the `count` nearest vectors of each probe."""
    return faiss.knn(probes, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)


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
        gallery = Gallery(Network("0" * 64, args.size))
        # Put in as they are: `add` would hold the vectors twice.
        gallery._put([f"p{index}" for index in range(args.people)], [args.photos] * args.people, [vectors])
        gallery.save(Path(folder))
        del gallery
        before = resident()
        gallery = Gallery.load(Path(folder))
        faiss: Any = importlib.import_module("faiss") if importlib.util.find_spec("faiss") else None
        for probes in (1, 2, 4, 8, 16, 64, 256):
            x = vectors[np.arange(probes) * 7].copy()
            functions: dict[str, Callable[[], Any]] = {
                "search": partial(gallery.search, x, 2),
                "product": partial(product, x, gallery._vectors.all),
            }
            if faiss:
                functions["faiss"] = partial(nearest, faiss, x, gallery._vectors.all, 2 * args.photos)
                for (best, _), similarity, row in zip(functions["search"](), *functions["faiss"](), strict=True):
                    assert best.person == f"p{row[0] // args.photos}" and abs(best.similarity - similarity[0]) < 1e-6
            times = zip(functions, interleaved(list(functions.values()), args.rounds), strict=True)
            print(f"{probes:3} probes: " + ", ".join(f"{name} {time:7.0f} ms" for name, time in times), flush=True)
        print(f"memory of the gallery: {(resident() - before) / vectors.nbytes:.2f} times the vectors")


if __name__ == "__main__":
    main()
