"""Write a checkpoint, or weights of the published code, as an ONNX file, proven equal to what was trained."""

import argparse
from dataclasses import asdict
from pathlib import Path

from .. import dependencies, runtime
from ..errors import UsageError
from ..output import Output

# What a checkpoint says about itself, and a file of published weights does not.
_REQUIRED = ("net", "embedding_size", "input_scale")
_FLAGS = (*_REQUIRED, "input_size")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sface export CHECKPOINT -o FILE`; `sface export WEIGHTS --net ... -o FILE`."""
    add = parser.add_argument
    add(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="a step-... folder, a run's --outdir, or a file of weights of the published code (.pth, .pkl)",
    )
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="the ONNX file to write")
    group = parser.add_argument_group("only with a file of weights, which does not carry them")
    add = group.add_argument
    add("--net", metavar="NAME", help="the network")
    add("--embedding_size", type=int, help="length of its embedding, such as 512")
    add("--input_size", type=int, help="edge of the crops in pixels (default: 112)")
    add(
        "--input_scale",
        type=float,
        help="it begins with (x - 127.5) * this: 0.078125 in the PyTorch and Jittor code, 0.0078125 in the MXNet code",
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Export, compare with onnxruntime on noise and on drawn faces, write."""
    if args.output.is_dir():
        raise UsageError(f"{args.output}: is a folder; name the file, such as {args.output / 'model.onnx'}")
    flags = {flag: getattr(args, flag) for flag in _FLAGS if getattr(args, flag) is not None}
    of_weights = not args.checkpoint.is_dir() and (args.checkpoint.exists() or bool(flags))
    if flags and not of_weights:
        raise UsageError(
            f"--{next(iter(flags))}: {args.checkpoint} is a checkpoint, which says so itself; leave it out"
        )
    if of_weights and (missing := [f"--{flag}" for flag in _REQUIRED if flag not in flags]):
        raise UsageError(f"{args.checkpoint}: a file of weights does not carry {', '.join(missing)}; give that too")
    runtime.without_cuda()
    runtime.prepare()
    dependencies.require("jittor", "train")
    for package in ("onnx", "onnx_ir", "onnxscript"):
        dependencies.require(package, "export")
    dependencies.onnxruntime()

    from ..export.to_onnx import export_checkpoint, export_published
    from ..models.checkpoint import open_checkpoint
    from ..models.config import NetworkConfig
    from ..train.synthetic import draw_crops

    if of_weights:
        network = NetworkConfig(name=flags.pop("net"), **flags)
        crops = draw_crops(7, seed=1, size=network.input_size)
        result = export_published(args.checkpoint, network, args.output, crops)
    else:
        crops = draw_crops(7, seed=1, size=open_checkpoint(args.checkpoint).network.input_size)
        result = export_checkpoint(args.checkpoint, args.output, crops)
    parity = result.parity
    output.result(
        f"{result.path}: {result.metadata.network} {result.metadata.embedding_size}-d from {result.checkpoint}, "
        f"{result.size / 1e6:.1f} MB, {result.nodes} nodes; equal to the network to {parity.max_difference:.1e} "
        f"on unit vectors (cosine {parity.min_cosine:.7f})",
        {
            "file": str(result.path),
            "checkpoint": str(result.checkpoint),
            "bytes": result.size,
            "nodes": result.nodes,
            "parity": asdict(parity),
            "metadata": result.metadata.to_props(),
        },
    )
    return 0
