"""A step of the SFace head with its classes shared out over ranks: time, and memory of the head per rank, on the CPU.

    python benchmarks/sharded_head.py [--classes 1000000] [--size 512] [--batch 64] [--ranks 1,2,4] [--steps 5]

A step is forward, backward and update of the head alone, its embeddings given. All ranks are on this host and share its
cores. Printed for each number of ranks: the median of the steps' times; what the weights, their gradient and their
momentum take of each rank's memory, by their size; and by how much the resident memory of the ranks (the largest)
exceeded what it was, with all operators loaded, before there was a head. That includes what an update needs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP = 2  # steps before the first one that counts
SMALL = 1000  # classes of the steps that load the operators


def resident(field: str) -> int:
    """Bytes of this process's memory: "VmRSS" now, "VmHWM" at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {field}")


def measure(args: argparse.Namespace) -> None:
    """What each rank does; it prints its figures."""
    from sface.runtime.jittor_setup import prepare, without_cuda
    from sface.runtime.mpi_environment import rank, world_size

    prepare()
    without_cuda()
    run(min(SMALL, args.classes), args.size, args.batch // world_size(), 0)
    before = resident("VmRSS")
    rows, seconds = run(args.classes, args.size, args.batch // world_size(), args.steps)
    kept = 3 * rows * args.size * np.dtype(np.float32).itemsize
    used = resident("VmHWM") - before
    # One write, so that lines of two ranks don't mix.
    sys.stdout.write(json.dumps({"rank": rank(), "seconds": seconds, "kept": kept, "used": used}) + "\n")
    sys.stdout.flush()


def run(classes: int, size: int, batch: int, steps: int) -> tuple[int, list[float]]:
    """Rows of the weight that this rank has, and the seconds of each step after WARM_UP."""
    import jittor as jt
    from jittor import nn

    from sface.train.config import HeadConfig
    from sface.train.heads.build import build_head
    from sface.train.optimizer import SGD

    class Features(nn.Module):  # type: ignore[misc]
        """Stands for the backbone: the embeddings themselves are what is trained."""

        def __init__(self) -> None:
            self.embedding = jt.array(np.random.default_rng(jt.rank).standard_normal((batch, size), dtype=np.float32))

    features = Features()
    labels = np.random.default_rng([1, jt.rank]).integers(0, classes, batch).astype(np.int32)
    head = build_head(HeadConfig(sharded=True), classes, size, 1337)
    optimizer = SGD(features, head, momentum=0.9, weight_decay=5e-4)
    jt.sync_all(True)
    seconds = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optimizer.backward(head(features.embedding, jt.array(labels)).loss)
        optimizer.step(1e-3)
        jt.sync_all(True)
        seconds.append(time.perf_counter() - start)
    return head.weight.shape[0], seconds[WARM_UP:]


def start(ranks: int, arguments: list[str]) -> list[dict[str, Any]]:
    """What each of so many ranks has measured."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    mpirun = str(Path(sys.executable).parent / "mpirun")
    command = [mpirun, "--oversubscribe", "-np", str(ranks), sys.executable, __file__, *arguments, "--worker"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ | root)
    if done.returncode:
        raise SystemExit(f"{command!r} ended with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=512, help="of the embedding")
    parser.add_argument("--batch", type=int, default=64, help="samples of all ranks together")
    parser.add_argument("--ranks", default="1,2,4", help="numbers of ranks, one after the other")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        measure(args)
        return
    print(f"{args.classes} classes, D = {args.size}, B = {args.batch}, {os.cpu_count()} cores")
    print("ranks   s a step   MB of weights, gradient, momentum per rank   MB more than before, the largest rank")
    for ranks in map(int, args.ranks.split(",")):
        found = start(ranks, sys.argv[1:])
        seconds = statistics.median(max(times) for times in zip(*(rank["seconds"] for rank in found), strict=True))
        kept, used = (max(rank[name] for rank in found) / 1e6 for name in ("kept", "used"))
        print(f"{ranks:5}{seconds:11.2f}{kept:46.0f}{used:40.0f}", flush=True)


if __name__ == "__main__":
    main()
