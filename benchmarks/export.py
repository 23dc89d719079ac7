"""Our ONNX file against that of `torch.onnx.export` of the same weights, in any versions of onnxruntime.

    python benchmarks/export.py --net MobileFaceNet --torch_python EXE --onnxruntime_python EXE [...]

EXE are the Pythons of environments: one with torch, onnx and onnxscript, and those with other versions of onnxruntime;
the version that is installed beside sface is always measured. With them runs our file with its PRelu as plain Relu,
which computes something else: the ceiling of what a rewriting of PRelu can reach. Each line is one process in which the
files take turns (benchmarks/onnx_speed.py).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from sface.export.face_network_export import export_source
from sface.export.module_export import run_module
from sface.export.network_source import Source
from sface.export.parity.proof_crops import random_crops
from sface.export.parity.random_weights import with_random_weights
from sface.model_files.network_input import network_input
from sface.models import NetworkConfig, build_network
from sface.models.networks import state
from sface.models.weights.description import describe
from sface.runtime.jittor_setup import without_cuda

HERE = Path(__file__).resolve().parent
NAMES = ("torch.onnx.export", "ours", "plain Relu")


def write_files(net: str, torch_python: str, folder: Path) -> list[Path]:
    """The files of NAMES, of a network with drawn weights and statistics."""
    config = NetworkConfig(net)
    crops = network_input(random_crops(4, config.input_size))
    module = with_random_weights(build_network(config), (crops,))
    run_module(module)(crops)
    source = Source(lambda: module, folder, describe(config))
    files = [folder / f"{name}.onnx" for name in ("torch", "ours", "relu")]
    export_source(source, files[1])
    export_source(source, files[2], without=["rewrite_prelu"])
    model = onnx.load(files[2])
    for node in model.graph.node:
        if node.op_type == "PRelu":
            node.op_type = "Relu"
            del node.input[1:]
    onnx.save(model, files[2])
    weights = folder / "weights.npz"
    np.savez(weights, **{str(index): var.numpy() for index, var in enumerate(state(module).values())})
    script = [torch_python, str(HERE / "torch_export.py"), net, str(weights), str(files[0])]
    subprocess.run(script, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--net", default="MobileFaceNet")
    parser.add_argument("--torch_python", required=True, metavar="EXE")
    parser.add_argument("--onnxruntime_python", action="append", default=[], metavar="EXE")
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    without_cuda()
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(args.net, args.torch_python, Path(folder))
        print(
            f"{args.net}: milliseconds a run of {', '.join(NAMES)}; times as fast as torch's; share of plain Relu's "
            "speed"
        )
        for python in [sys.executable, *args.onnxruntime_python]:
            for threads in (1, 2):
                for batch in (1, 16):
                    rounds = max(3, args.rounds // batch)
                    options = ["--threads", threads, "--batch", batch, "--rounds", rounds, "--json"]
                    call = [python, str(HERE / "onnx_speed.py"), *map(str, files), *map(str, options)]
                    out = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
                    torch, ours, relu = out["ms"]
                    print(
                        f"onnxruntime {out['version']}  {threads} threads  batch {batch:2}  "
                        f"{torch:8.2f} {ours:8.2f} {relu:8.2f}  {torch / ours:5.2f}  {relu / ours:5.2f}  "
                        f"(ours differs from torch's by {out['difference'][1]:.1e})",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
