"""`FaceEmbedder.embed` on many crops against onnxruntime alone on the same arrays, interleaved.

    python benchmarks/embed_crops.py MODEL [--crops 5000]

onnxruntime is given float32 (N, 3, S, S) that was made before, N crops as FaceEmbedder takes at once. Prints both
speeds and the share.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np

from sface.infer import FaceEmbedder
from sface.model_files.onnx_session import open_session

BLOCKS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--crops", type=int, default=5000)
    args = parser.parse_args()
    embedder = FaceEmbedder(args.model)
    session = open_session(Path(args.model).read_bytes(), args.model)
    name = session.get_inputs()[0].name
    size, count = embedder.input_size, args.crops // BLOCKS
    crops = np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    arrays = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)

    def raw() -> None:
        for start in range(0, count, embedder.chunk):
            session.run(None, {name: arrays[start : start + embedder.chunk]})

    raw()
    embedder.embed(crops)
    shares, seconds = [], [0.0, 0.0]
    for _ in range(BLOCKS):
        start = time.perf_counter()
        raw()
        between = time.perf_counter()
        embedder.embed(crops)
        end = time.perf_counter()
        shares.append((between - start) / (end - between))
        seconds[0] += between - start
        seconds[1] += end - between
    total = count * BLOCKS
    print(f"onnxruntime alone {total / seconds[0]:.1f} crops/s, FaceEmbedder {total / seconds[1]:.1f} crops/s")
    print(f"share of onnxruntime's speed: {median(shares):.3f} (median of {BLOCKS} blocks of {count})")


if __name__ == "__main__":
    main()
