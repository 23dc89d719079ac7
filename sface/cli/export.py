"""Write a checkpoint, or weights of the published code, as an ONNX file, proven equal to what was trained."""

import argparse
from dataclasses import asdict
from pathlib import Path

from ..errors import UsageError
from ..export.request_check import check_request
from ..model_files.metadata import ModelMetadata
from ..output import Output
from ..runtime import dependencies, jittor_setup
from . import network_options, onnx_options

OPTIONS = onnx_options.OPTIONS | {"network": "net"}
# The options of a file that is written, with their defaults; none of them goes with --check.
_OF_A_FILE = {"batch": None, "unit_output": False, "target": "onnxruntime", "without": list[str](), "precision": "fp32"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sface export CHECKPOINT -o FILE`, with `--net ...` for weights; `sface export --check FILE CHECKPOINT`."""
    add = parser.add_argument
    add(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="a step-... folder, a run's --outdir, or a file of weights of the published code (.pth, .pkl)",
    )
    add("-o", "--output", type=Path, metavar="FILE", help="the ONNX file to write")
    add("--check", type=Path, metavar="FILE", help="write nothing: compare this ONNX file with the checkpoint")
    add("--batch", type=int, metavar="N", help="take exactly N crops at once (default: any number)")
    add("--unit_output", action="store_true", help="give unit vectors instead of raw embeddings")
    onnx_options.add_options(parser)
    network_options.add_network(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Export, compare with onnxruntime on noise and on drawn faces, write; or only compare."""
    if (args.output is None) == (args.check is None):
        raise UsageError("name the file to write with -o, or the one to compare with --check")
    if args.check is not None:
        if given := [option for option, default in _OF_A_FILE.items() if getattr(args, option) != default]:
            raise UsageError(f"--check writes no file: leave out --{given[0]}")
    else:
        check_request(args.output, args.target, args.precision, batch=args.batch)
    network = network_options.read_network(args)
    jittor_setup.without_cuda()
    jittor_setup.prepare()
    dependencies.require("jittor", "train")
    dependencies.require_extra("export")
    dependencies.onnxruntime()

    from ..export import check, export

    lowering = onnx_options.read_lowering(args)
    if args.check is not None:
        checked = check(args.check, args.checkpoint, network=network, report=args.report)
        output.result(
            f"{checked.path}: equal to {_about(checked.metadata, checked.checkpoint)} to "
            f"{checked.parity.max_difference:.1e} on unit vectors (cosine {checked.parity.min_cosine:.7f})",
            {"file": str(checked.path), "checkpoint": str(checked.checkpoint), "parity": asdict(checked.parity)},
        )
        return 0
    result = export(
        args.checkpoint,
        args.output,
        network=network,
        target=args.target,
        batch=args.batch,
        unit_output=args.unit_output,
        without=args.without,
        lowering=lowering,
        report=args.report,
    )
    parity = result.parity
    output.result(
        f"{result.path}: {_about(result.metadata, result.checkpoint)}, {result.size / 1e6:.1f} MB, {result.nodes} "
        f"nodes; equal to the network to {parity.max_difference:.1e} on unit vectors (cosine {parity.min_cosine:.7f})"
        f"{onnx_options.in_lines(result.precision, result.choice)}",
        {
            "file": str(result.path),
            "checkpoint": str(result.checkpoint),
            "bytes": result.size,
            "nodes": result.nodes,
            "parity": asdict(parity),
            "precision": result.precision and asdict(result.precision),
            "choice": result.choice and asdict(result.choice),
            "metadata": result.metadata.to_props(),
        },
    )
    return 0


def _about(metadata: ModelMetadata, checkpoint: Path) -> str:
    return f"{metadata.network} {metadata.embedding_size}-d from {checkpoint}"
