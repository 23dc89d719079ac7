"""A pair of photos → a decision, as a whole process: ours against another command, interleaved.

    python benchmarks/cold_start.py MODEL A B --peer 'verifyface compare {a} {b} --json' [--rounds 15] [-- OPTIONS]

Prints the median time and the most memory of each, and the ratio. The first round, after which the files are in the
system's cache, doesn't count. OPTIONS go to face-verify.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median


def run(command: list[str]) -> tuple[float, int]:
    """Seconds, and KiB at the most."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode not in (0, 1):
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    return seconds, usage.ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--peer", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("options", nargs="*")
    args = parser.parse_args()
    ours = [str(Path(sys.executable).with_name("face-verify")), args.a, args.b, "--model", args.model, *args.options]
    peer = shlex.split(args.peer.format(a=args.a, b=args.b))
    taken: list[list[tuple[float, int]]] = [[], []]
    for _ in range(args.rounds + 1):
        for command, times in zip((ours, peer), taken, strict=True):
            times.append(run(command))
    seconds = [median(time for time, _ in times[1:]) for times in taken]
    memory = [max(kib for _, kib in times) / 1024 for times in taken]
    print(f"face-verify {seconds[0]:.3f} s, {memory[0]:.0f} MB")
    print(f"{peer[0]} {seconds[1]:.3f} s, {memory[1]:.0f} MB")
    print(f"ours takes {seconds[0] / seconds[1]:.2f} of its time")


if __name__ == "__main__":
    main()
