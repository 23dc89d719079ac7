"""How fast the loader is, against nothing but `cv2.imdecode` on the same records in as many processes.

    python benchmarks/loader.py SET [--workers 2] [--batch_size 128] [--epochs 4] [--rounds 9]

SET is a folder with train.rec, train.idx and property. A round is some epochs of the loader and as many of the plain
loop, in turn, both in a random order and with the file's bytes in the page cache; the plain processes read a record,
decode it and drop it. Given are medians over the rounds.
"""

import argparse
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sface.datasets import open_image_set
from sface.datasets.records import RecordFile
from sface.train.loading.loader import Loader


def decode(root: Path, positions: NDArray[np.int64], parent: Connection) -> None:
    """A plain process: read and decode the records, each time it is told to."""
    cv2.setNumThreads(1)
    records = RecordFile(root / "train.rec", root / "train.idx")
    while parent.recv_bytes() == b"go":
        for position in positions:
            cv2.imdecode(np.frombuffer(records.read(int(position))[1], dtype=np.uint8), cv2.IMREAD_COLOR)
        parent.send_bytes(b"done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()

    context = multiprocessing.get_context("spawn")
    plain, processes = [], []
    with Loader(open_image_set(args.set), batch_size=args.batch_size, seed=1, workers=args.workers) as loader:
        steps = args.epochs * loader.batches_per_epoch
        count = steps * args.batch_size
        order = np.random.default_rng(1).permutation(count) % (count // args.epochs)
        for number in range(args.workers):
            mine, theirs = context.Pipe()
            process = context.Process(target=decode, args=(args.set, order[number :: args.workers], theirs))
            process.start()
            plain.append(mine)
            processes.append(process)

        def plain_epochs() -> None:
            for process in plain:
                process.send_bytes(b"go")
            for process in plain:
                process.recv_bytes()

        plain_seconds, loader_seconds = [], []
        for turn in range(args.rounds + 1):
            start = time.perf_counter()
            plain_epochs()
            middle = time.perf_counter()
            for _ in loader.batches(turn * steps, (turn + 1) * steps):
                pass
            end = time.perf_counter()
            if turn:  # the first round reads the file from the disk and starts the processes
                plain_seconds.append(middle - start)
                loader_seconds.append(end - middle)
        for connection in plain:
            connection.send_bytes(b"end")
        for process in processes:
            process.join()

    rates = [count / statistics.median(seconds) for seconds in (plain_seconds, loader_seconds)]
    ratios = [a / b for a, b in zip(plain_seconds, loader_seconds, strict=True)]
    print(
        f"{args.workers} processes, {count:,} crops, {args.rounds} rounds: imdecode alone {rates[0]:,.0f} crops/s, "
        f"loader {rates[1]:,.0f} crops/s in batches of {args.batch_size}; "
        f"ratio {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
