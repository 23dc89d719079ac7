"""Write a checkpoint, or weights of the published code, as an ONNX file, proven equal to what was trained."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..output import Output
from ..runtime import dependencies, jittor_setup
from .onnx_options import add_options, check_output, in_lines, read_lowering

if TYPE_CHECKING:
    from ..export.checkpoint_export import Source

OPTIONS = {"network": "net"}
# What a checkpoint says about itself, and a file of published weights does not.
_REQUIRED = ("net", "embedding_size", "input_scale")
_FLAGS = (*_REQUIRED, "input_size")
# How the file that is written is to be, with what counts as not said.
_OF_THE_FILE: dict[str, Any] = {
    "batch": None,
    "unit_output": False,
    "target": "onnxruntime",
    "without": [],
    "precision": "fp32",
}


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
    add_options(parser)
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
    """Export, compare with onnxruntime on noise and on drawn faces, write; or only compare."""
    if (args.output is None) == (args.check is None):
        raise UsageError("name the file to write with -o, or the one to compare with --check")
    if args.output is not None:
        check_output(args.output)
    elif given := [flag for flag, default in _OF_THE_FILE.items() if getattr(args, flag) != default]:
        raise UsageError(f"--check writes no file: leave out --{given[0]}")
    if args.batch is not None and args.batch < 1:
        raise UsageError(f"--batch {args.batch}: must be 1 or more")
    _check_flags(args)
    jittor_setup.without_cuda()
    jittor_setup.prepare()
    dependencies.require("jittor", "train")
    for package in ("onnx", "onnx_ir", "onnxscript"):
        dependencies.require(package, "export")
    dependencies.onnxruntime()

    from ..datasets.synthetic.faces import draw_crops
    from ..export.checkpoint_export import Options, check_file, export_network
    from ..export.target import target

    lowering = read_lowering(args)
    options = Options(target(args.target), args.batch, args.unit_output, tuple(args.without), lowering, args.report)
    source = _open(args)
    crops = draw_crops(7, seed=1, size=source.metadata.input_size)
    about = f"{source.metadata.network} {source.metadata.embedding_size}-d from {source.path}"
    if args.check is not None:
        parity = check_file(args.check, source, crops, args.report)
        output.result(
            f"{args.check}: equal to {about} to {parity.max_difference:.1e} on unit vectors "
            f"(cosine {parity.min_cosine:.7f})",
            {"file": str(args.check), "checkpoint": str(source.path), "parity": asdict(parity)},
        )
        return 0
    result = export_network(source, args.output, crops, options)
    parity = result.parity
    output.result(
        f"{result.path}: {about}, {result.size / 1e6:.1f} MB, {result.nodes} nodes; equal to the network to "
        f"{parity.max_difference:.1e} on unit vectors (cosine {parity.min_cosine:.7f}){in_lines(result.precision)}",
        {
            "file": str(result.path),
            "checkpoint": str(source.path),
            "bytes": result.size,
            "nodes": result.nodes,
            "parity": asdict(parity),
            "precision": result.precision and asdict(result.precision),
            "metadata": source.metadata.to_props(),
        },
    )
    return 0


def _of_weights(args: argparse.Namespace) -> bool:
    """Whether it is a file of weights and not a checkpoint's folder."""
    return not args.checkpoint.is_dir() and (args.checkpoint.exists() or bool(_flags(args)))


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    return {flag: getattr(args, flag) for flag in _FLAGS if getattr(args, flag) is not None}


def _check_flags(args: argparse.Namespace) -> None:
    """Raises UsageError where a flag is missing with a file of weights, or given with a checkpoint."""
    flags = _flags(args)
    if flags and not _of_weights(args):
        raise UsageError(
            f"--{next(iter(flags))}: {args.checkpoint} is a checkpoint, which says so itself", remedy="leave it out"
        )
    if _of_weights(args) and (missing := [f"--{flag}" for flag in _REQUIRED if flag not in flags]):
        raise UsageError(
            f"a file of weights does not carry {', '.join(missing)}", path=args.checkpoint, remedy="give that too"
        )


def _open(args: argparse.Namespace) -> "Source":
    from ..export.checkpoint_export import open_published, open_trained
    from ..models.network_config import NetworkConfig

    if not _of_weights(args):
        return open_trained(args.checkpoint)
    flags = _flags(args)
    return open_published(args.checkpoint, NetworkConfig(name=flags.pop("net"), **flags))
