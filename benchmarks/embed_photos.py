"""How much faster `sface embed` is on several cores than with one process of one thread.

    python benchmarks/embed_photos.py PHOTOS --model FILE [--detector mtcnn|yunet|FILE] [--cores 2] [--rounds 5]

The whole command is timed, starting included, with the cores that it may use limited by the system; one core and
several take turns. Given are medians over the rounds. Linux only.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def embed(arguments: list[str], out: Path, cores: set[int]) -> float:
    """Seconds that the command takes on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    start = time.perf_counter()
    command = [sys.executable, "-m", "sface", "embed", *arguments, "-o", str(out), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    os.sched_setaffinity(0, before)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--detector", default="mtcnn")
    parser.add_argument("--preprocess", choices=("raw", "centered"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: args.cores]
    arguments = [str(args.photos), "--model", args.model, "--detector", args.detector]
    if args.preprocess:
        arguments += ["--preprocess", args.preprocess]
    one, several = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "one.npz", Path(folder) / "several.npz"
        for _ in range(args.rounds):
            one.append(embed(arguments, files[0], {cores[0]}))
            several.append(embed(arguments, files[1], set(cores)))
        equal = files[0].read_bytes() == files[1].read_bytes()
        faces = len(np.load(files[0])["embeddings"])
    ratios = [a / b for a, b in zip(one, several, strict=True)]
    print(
        f"{faces:,} faces, {args.rounds} rounds: one core {faces / statistics.median(one):.1f} faces/s, {len(cores)} "
        f"cores {faces / statistics.median(several):.1f} faces/s; ratio {statistics.median(ratios):.2f} "
        f"(from {min(ratios):.2f} to {max(ratios):.2f}); the same bytes: {equal}"
    )


if __name__ == "__main__":
    main()
