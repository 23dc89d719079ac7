"""Write a checkpoint as an ONNX file, proven equal to what was trained."""

import argparse
from dataclasses import asdict
from pathlib import Path

from .. import dependencies, runtime
from ..errors import UsageError
from ..output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sface export CHECKPOINT -o FILE`."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a step-... folder, or a run's --outdir")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the ONNX file to write")


def run(args: argparse.Namespace, output: Output) -> int:
    """Export, compare with onnxruntime on noise and on drawn faces, write."""
    if args.output.is_dir():
        raise UsageError(f"{args.output}: is a folder; name the file, such as {args.output / 'model.onnx'}")
    runtime.without_cuda()
    runtime.prepare()
    dependencies.require("jittor", "train")
    for package in ("onnx", "onnx_ir", "onnxscript"):
        dependencies.require(package, "export")
    dependencies.onnxruntime()

    from ..export.to_onnx import export_checkpoint
    from ..models.checkpoint import open_checkpoint
    from ..train.synthetic import draw_crops

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
