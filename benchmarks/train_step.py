"""A training step, forward, backward and update, against the same network and loss in PyTorch, on the CPU or a GPU.

    python benchmarks/train_step.py --net MobileFaceNet --batch 32 --classes 10575 [--torch_python EXE]
    python benchmarks/train_step.py --net IR_50 --batch 8 --classes 10575 [--torch_python EXE]
    python benchmarks/train_step.py --net IR_50 --batch 256 --classes 10575 --device cuda [--torch_python EXE]

On a GPU both have their default arithmetic: TF32 in convolutions, float32 in products of matrices. A step begins with
the images in the host's memory and ends when the GPU has done all of it.

PyTorch (benchmarks/torch_reference.py) may live in an environment of its own, whose Python is EXE. It is measured in
both of its memory layouts. Each contestant is a process; they take turns, a few steps each, so that what else the
machine does hits all of them. Prints the median of each and how many times as fast as PyTorch ours is.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

OURS, TORCH, TORCH_NHWC = "sface", "PyTorch", "PyTorch, channels last"
WARM_UP = 3  # steps before the first one that counts: they compile, and fill caches
STEPS = 4  # steps of a turn


def build_ours(
    net: str, classes: int, device: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32]
) -> Callable[[], float]:
    """The step of sface/train/loop.py on one batch; returns its seconds."""
    from sface.models import NetworkConfig, build_network
    from sface.train.config import HeadConfig
    from sface.train.device import choose_device, import_jittor

    workers_id = "cpu" if device == "cpu" else "0"
    choose_device(workers_id)
    import_jittor(workers_id)
    import jittor as jt

    from sface.models.networks import pixels
    from sface.train.heads.build import build_head
    from sface.train.optimizer import SGD

    network = build_network(NetworkConfig(net))
    network.train()
    head = build_head(HeadConfig(), classes, 512, 1337)
    optimizer = SGD(network, head, momentum=0.9, weight_decay=5e-4)

    def step() -> float:
        start = time.perf_counter()
        optimizer.backward(head(network(pixels(images)), jt.array(labels)).loss)
        optimizer.step(1e-3)
        jt.sync_all(True)
        return time.perf_counter() - start

    return step


def contest(args: argparse.Namespace) -> None:
    """What a contestant's process does: for each line that it reads a turn, answered with the seconds of its steps."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (args.batch, 112, 112, 3), dtype=np.uint8)
    labels = generator.integers(0, args.classes, args.batch).astype(np.int32)
    if args.contestant == OURS:
        step = build_ours(args.net, args.classes, args.device, images, labels)
    else:
        import torch_reference

        layout = "nhwc" if args.contestant == TORCH_NHWC else "nchw"
        step = torch_reference.prepare(args.net, args.classes, args.device, args.threads, layout, images, labels)
    for _ in range(WARM_UP):
        step()
    for _ in sys.stdin:
        print(json.dumps([step() for _ in range(STEPS)]), flush=True)


def start(contestant: str, python: str) -> subprocess.Popen[str]:
    command = [python, __file__, *sys.argv[1:], "--contestant", contestant]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def turn(process: subprocess.Popen[str]) -> list[float]:
    """Seconds of a turn's steps."""
    assert process.stdin and process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.startswith("["):
        raise SystemExit(f"{process.args!r} ended or said {line!r}")
    seconds: list[float] = json.loads(line)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="MobileFaceNet", choices=("MobileFaceNet", "IR_50", "IR_101", "IR_152"))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10575)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2, help="OpenMP threads of each contestant")
    parser.add_argument("--rounds", type=int, default=8, help=f"turns of each contestant, {STEPS} steps each")
    parser.add_argument("--torch_python", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        contest(args)
        return
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    pythons = {OURS: sys.executable, TORCH: args.torch_python, TORCH_NHWC: args.torch_python}
    seconds: dict[str, list[float]] = {contestant: [] for contestant in pythons}
    # A GPU is theirs alone, and its memory may not hold all of them: there they come one after the other.
    for together in [list(pythons)] if args.device == "cpu" else [[contestant] for contestant in pythons]:
        processes = {contestant: start(contestant, pythons[contestant]) for contestant in together}
        try:
            for process in processes.values():  # all have compiled and are warm before the first turn that counts
                turn(process)
            for _ in range(args.rounds):
                for contestant, process in processes.items():
                    seconds[contestant] += turn(process)
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
    medians = {contestant: statistics.median(times) for contestant, times in seconds.items()}
    print(
        f"{args.net}, batch {args.batch}, {args.classes} classes, {args.device}, {args.threads} threads, "
        f"{args.rounds * STEPS} steps each"
    )
    for contestant, median in medians.items():
        low, *_, high = statistics.quantiles(seconds[contestant], n=10)
        print(
            f"  {contestant:24}{1000 * median:7.1f} ms a step ({1000 * low:.1f} to {1000 * high:.1f}), "
            f"{args.batch / median:6.1f} images/s, ours is {median / medians[OURS]:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
