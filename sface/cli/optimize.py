"""Make any face network's ONNX file faster, proven equal; works on files of others, and without Jittor."""

import argparse
from dataclasses import asdict
from pathlib import Path

from ..export.request_check import check_request
from ..output import Output
from ..runtime import dependencies
from . import options
from .onnx_options import OPTIONS as OPTIONS
from .onnx_options import add_options, in_lines, read_lowering


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sface optimize IN.onnx -o OUT.onnx`."""
    add = parser.add_argument
    add("model", type=Path, metavar="IN", help="a face network's ONNX file: InsightFace's, OpenCV's, PyTorch's, ...")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="the ONNX file to write; it may be the same")
    options.add_preprocess(parser)
    add_options(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Apply the passes, compare both files in onnxruntime, time them, write."""
    check_request(args.output, args.target, args.precision)
    dependencies.require_extra("export")
    dependencies.onnxruntime()

    from ..export import optimize

    result = optimize(
        args.model,
        args.output,
        target=args.target,
        preprocess=args.preprocess,
        without=args.without,
        lowering=read_lowering(args),
        report=args.report,
    )
    before, after, parity = result.before, result.after, result.parity
    as_it_was = (
        ""
        if result.loads
        else "\nbefore: onnxruntime refuses it as it is; measured with its weights off its list of inputs"
    )
    output.result(
        f"{result.path}: {result.metadata.preprocess} input, equal to {args.model} to {parity.max_difference:.1e} on "
        f"unit vectors (cosine {parity.min_cosine:.7f})\n"
        f"before: {before.size / 1e6:6.1f} MB  {before.nodes:4} nodes  {before.milliseconds:6.2f} ms a crop\n"
        f"after:  {after.size / 1e6:6.1f} MB  {after.nodes:4} nodes  {after.milliseconds:6.2f} ms a crop, "
        f"{before.milliseconds / after.milliseconds:.2f} times as fast{as_it_was}"
        f"{in_lines(result.precision, result.choice)}",
        {
            "file": str(result.path),
            "before": asdict(before),
            "after": asdict(after),
            "loads": result.loads,
            "parity": asdict(parity),
            "precision": result.precision and asdict(result.precision),
            "choice": result.choice and asdict(result.choice),
            "metadata": result.metadata.to_props(),
        },
    )
    return 0
