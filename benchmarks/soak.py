"""Verification in eight threads for ten minutes: does memory grow, are the results those of one thread?

    python benchmarks/soak.py MODEL PHOTOS [--detector FILE] [--minutes 10] [--threads 8]

PHOTOS holds LFW's NAME/NAME_0001.jpg and pairs.txt. Memory is the process's resident set, each tenth of the time; the
first tenth warms up. Ends with 1 where memory grew by more than 2 % or a result differed by more than 1e-6.
"""

import argparse
import itertools
import sys
import threading
import time
from pathlib import Path

from photo_pairs import read_pairs

from sface.infer import FaceVerifier


def resident() -> float:
    """The process's memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--detector")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=8)
    args = parser.parse_args()
    verifier = FaceVerifier(args.model, detector=args.detector, threads=1)
    pairs = [(a, b) for a, b, _ in read_pairs(args.photos)][::20]
    expected = [verifier.verify(a, b).similarity for a, b in pairs]
    end = time.monotonic() + 60 * args.minutes
    done, largest = [0] * args.threads, [0.0] * args.threads

    def work(thread: int) -> None:
        for i in itertools.count(3 * thread):
            if time.monotonic() > end:
                return
            similarity = verifier.verify(*pairs[i % len(pairs)]).similarity
            largest[thread] = max(largest[thread], abs(similarity - expected[i % len(pairs)]))
            done[thread] += 1

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(args.threads)]
    for thread in threads:
        thread.start()
    memory = []
    for tenth in range(1, 11):
        time.sleep(6 * args.minutes)
        memory.append(resident())
        print(
            f"{tenth * args.minutes / 10:5.1f} min  {memory[-1]:7.1f} MB  {sum(done):,} verifications",
            flush=True,
        )
    for thread in threads:
        thread.join()
    growth = max(memory[1:]) / memory[0] - 1
    print(f"memory grew by {growth:.2%}; the results differ by at most {max(largest):.1e}")
    return int(growth > 0.02 or max(largest) > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
