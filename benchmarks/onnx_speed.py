"""How fast onnxruntime runs ONNX files of the same input, side by side.

    python benchmarks/onnx_speed.py A.onnx B.onnx ... [--threads 1] [--batch 1] [--rounds 40] [--json]

The files take turns, one run each. Needs numpy and onnxruntime alone, so that it runs in an environment with any
version of them. Prints the median milliseconds of a run, and how many times as fast as the first file each is.
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnxruntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.log_severity_level = 3
    sessions = [onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for file in args.files]
    size = sessions[0].get_inputs()[0].shape[2]
    x = np.random.default_rng(0).integers(0, 256, (args.batch, 3, size, size)).astype(np.float32)
    feeds = [{session.get_inputs()[0].name: x} for session in sessions]
    outputs = [session.run(None, feed)[0] for session, feed in zip(sessions, feeds, strict=True)]
    times: list[list[float]] = [[] for _ in sessions]
    for _ in range(args.rounds):
        for session, feed, taken in zip(sessions, feeds, times, strict=True):
            start = time.perf_counter()
            session.run(None, feed)
            taken.append((time.perf_counter() - start) * 1000)
    medians = [statistics.median(taken) for taken in times]
    largest = np.abs(outputs[0]).max()
    differences = [float(np.abs(output - outputs[0]).max() / largest) for output in outputs]
    if args.json:
        print(json.dumps({"version": onnxruntime.__version__, "ms": medians, "difference": differences}))
        return
    print(f"onnxruntime {onnxruntime.__version__}, {args.threads} threads, batch {args.batch}")
    for file, median, difference in zip(args.files, medians, differences, strict=True):
        print(f"{median:8.2f} ms  {medians[0] / median:5.2f} times as fast  differs by {difference:.1e}  {file}")


if __name__ == "__main__":
    main()
