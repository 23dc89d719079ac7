"""Measure the threshold for a false match rate on a set of people's faces and write it into the model file."""

import argparse
from pathlib import Path

from ..output import Output
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="ONNX file; the threshold is written into it")
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a folder per person, or a set with imgs.txt"
    )
    parser.add_argument("--fmr", required=True, type=float, help="false match rate, a share such as 1e-3")
    parser.add_argument("--aligned", action="store_true", help="the files are crops, not photos")
    options.add_detector(parser)
    options.add_preprocess(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    from ..evaluate import calibrate

    calibration = calibrate(
        args.model,
        args.data,
        args.fmr,
        aligned=args.aligned,
        detector=args.detector,
        preprocess=args.preprocess,
        output=output,
    )
    output.result(calibration.text(), calibration.to_dict())
    return 0
