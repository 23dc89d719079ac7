"""The SFace loss alone, forward, backward and update, against its dense one-hot form, both in Jittor on the CPU.

    python benchmarks/loss.py [--batch 256] [--size 512] [--classes 85000] [--cos_j 0.1]

The dense form is that of the published code: a one-hot and a zero-hot matrix (B, C), and the factors of all cosines as
matrices. Ours leaves out products with factors that are 0, which nearly all are where features are random; --cos_j
gives all features and weights a direction in common, so that their cosines have this mean, and fewer factors are 0.

Each contestant is a process with as many threads; they take turns, a few steps each, so that what else the
machine does hits both of them. Prints the median of each, and its memory: the most that was resident, less what was
before weights and momentum were there (with all operators loaded) and less the weights, their gradient and momentum.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OURS, DENSE = "sface", "dense one-hot"
WARM_UP = 2  # steps before the first one that counts
STEPS = 3  # steps of a turn
SMALL = 1000  # classes of the steps that load the operators


def resident(field: str) -> int:
    """Bytes of this process's memory: "VmRSS" now, "VmHWM" at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {field}")


def dense_head(classes: int, size: int) -> Any:
    """A head that gives the loss by masks over the whole (B, C)."""
    import jittor as jt
    from jittor import nn

    from sface.train.config import HeadConfig
    from sface.train.heads.head_output import init_head_weight, unit

    c = HeadConfig()

    class DenseHead(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.weight = jt.array(init_head_weight(1337, classes, size))

        def execute(self, embedding: Any, labels: Any) -> Any:
            cos = nn.matmul_transpose(unit(embedding), unit(self.weight))
            rows = jt.arange(cos.shape[0])
            one_hot, zero_hot = jt.zeros(cos.shape), jt.ones(cos.shape)
            one_hot[rows, labels] = 1.0
            zero_hot[rows, labels] = 0.0
            cos_y = (one_hot * cos).sum(dim=1)  # (B,)
            theta_y = jt.acos(cos_y.detach().clamp(-1.0, 1.0))
            intra = -((c.s / (1 + jt.exp(-c.k * (theta_y - c.a)))).stop_grad() * cos_y)
            cos_j = zero_hot * cos  # (B, C)
            theta_j = jt.acos(cos_j.detach().clamp(-1.0, 1.0))
            inter = ((c.s / (1 + jt.exp(c.k * (theta_j - c.b)))).stop_grad() * cos_j).sum(dim=1)
            return intra.mean() + inter.mean()

    return DenseHead()


def draw(seed: int, rows: int, size: int, cos_j: float) -> npt.NDArray[np.float32]:
    """Random rows, float32 (rows, size), whose cosines have the mean `cos_j`."""
    drawn = np.random.default_rng(seed).standard_normal((rows, size), dtype=np.float32)
    drawn += np.float32((cos_j / (1 - cos_j)) ** 0.5)
    return drawn


def build(contestant: str, batch: int, size: int, classes: int, cos_j: float) -> Callable[[], float]:
    """A step, which returns its seconds."""
    import jittor as jt
    from jittor import nn

    from sface.train.config import HeadConfig
    from sface.train.heads.build import build_head
    from sface.train.optimizer import SGD

    class Features(nn.Module):  # type: ignore[misc]
        """Stands for the backbone: the embeddings themselves are what is trained."""

        def __init__(self) -> None:
            self.embedding = jt.array(draw(0, batch, size, cos_j))

    features = Features()
    labels = np.random.default_rng(1).integers(0, classes, batch).astype(np.int32)
    ours = contestant == OURS
    head = build_head(HeadConfig(), classes, size, 1337) if ours else dense_head(classes, size)
    head.weight.assign(jt.array(draw(2, classes, size, cos_j)))
    optimizer = SGD(features, head, momentum=0.9, weight_decay=5e-4)
    jt.sync_all(True)

    def step() -> float:
        start = time.perf_counter()
        result = head(features.embedding, jt.array(labels))
        optimizer.backward(result.loss if ours else result)
        del result
        optimizer.step(1e-3)
        jt.sync_all(True)
        return time.perf_counter() - start

    return step


def contest(args: argparse.Namespace) -> None:
    """What a contestant's process does: for each line that it reads one turn, answered with the seconds of its steps
    and its memory in bytes."""
    from sface.runtime.jittor_setup import prepare, without_cuda

    prepare()
    without_cuda()
    small = build(args.contestant, args.batch, args.size, min(SMALL, args.classes), args.cos_j)
    for _ in range(WARM_UP):
        small()
    del small
    before = resident("VmRSS")
    step = build(args.contestant, args.batch, args.size, args.classes, args.cos_j)
    for _ in range(WARM_UP):
        step()
    needed = 3 * args.classes * args.size * np.dtype(np.float32).itemsize
    for _ in sys.stdin:
        seconds = [step() for _ in range(STEPS)]
        print(json.dumps([seconds, resident("VmHWM") - before - needed]), flush=True)


def turn(process: subprocess.Popen[str]) -> tuple[list[float], int]:
    """Seconds of a turn's steps, and the memory in bytes."""
    assert process.stdin and process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.startswith("["):
        raise SystemExit(f"{process.args!r} ended or said {line!r}")
    seconds, memory = json.loads(line)
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=512, help="of the embedding")
    parser.add_argument("--classes", type=int, default=85000)
    parser.add_argument("--cos_j", type=float, default=0.0, help="mean cosine of features and weights")
    parser.add_argument("--threads", type=int, default=2, help="OpenMP threads of each contestant")
    parser.add_argument("--rounds", type=int, default=8, help=f"turns of each contestant, {STEPS} steps each")
    parser.add_argument("--contestant", choices=(OURS, DENSE), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        contest(args)
        return
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    processes = {}
    seconds: dict[str, list[float]] = {OURS: [], DENSE: []}
    memory = {}
    try:
        for contestant in seconds:
            command = [sys.executable, __file__, *sys.argv[1:], "--contestant", contestant]
            processes[contestant] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            turn(processes[contestant])  # it has compiled and is warm before the first turn that counts
        for _ in range(args.rounds):
            for contestant, process in processes.items():
                times, memory[contestant] = turn(process)
                seconds[contestant] += times
    finally:
        for process in processes.values():
            process.kill()
    medians = {contestant: statistics.median(times) for contestant, times in seconds.items()}
    steps = args.rounds * STEPS
    setting = f"B = {args.batch}, D = {args.size}, C = {args.classes}, mean cosine {args.cos_j}"
    print(f"{setting}, {args.threads} threads, {steps} steps each")
    for contestant, median in medians.items():
        low, *_, high = statistics.quantiles(seconds[contestant], n=10)
        print(
            f"  {contestant:16}{1000 * median:6.0f} ms a step ({1000 * low:.0f} to {1000 * high:.0f}), "
            f"{memory[contestant] / 1e6:6.0f} MB beyond weights, gradient and momentum"
        )
    print(
        f"  ours is {medians[DENSE] / medians[OURS]:.2f} times as fast, "
        f"with {memory[OURS] / memory[DENSE]:.2f} of the memory"
    )


if __name__ == "__main__":
    main()
