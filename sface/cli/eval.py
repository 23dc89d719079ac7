"""Measure how well networks tell people apart: accuracy and error rates with intervals, as text, JSON or a report."""

import argparse
from pathlib import Path

from ..evaluate.evaluation_request import PROTOCOLS, EvaluationRequest
from ..output import Output
from . import options

OPTIONS = {"pair_list": "list"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", type=Path, help="an ONNX file, a checkpoint's folder or a run's")
    add("--data", required=True, type=Path, metavar="DIR", help="the folder of the sets, photos or lists")
    add("--protocol", choices=PROTOCOLS, default="bin", help="what the folder holds (docs/eval.md); bin: NAME.bin")
    add(
        "--target",
        type=lambda names: names.split(","),
        metavar="lfw,...",
        help="bin: names of sets; by default those there of the usual five",
    )
    add(
        "--list",
        dest="pair_list",
        type=Path,
        metavar="FILE",
        help="lfw-photos, pairs: the list of pairs, by default pairs.txt, pairs.csv",
    )
    add("--pairs", type=int, metavar="N", help="folders: draw so many genuine and so many impostor pairs")
    options.add_detector(parser)
    add("--aligned", action="store_true", help="photos: they are aligned crops")
    add("--no_flip", dest="flip", action="store_false", help="do not add the mirror image's embedding")
    add(
        "--threshold", type=float, metavar="T", help="tell the error rates at this cosine; by default at the file's own"
    )
    add("--robustness", action="store_true", help="bin: the accuracy with blurred, dark, turned ... pictures too")
    add(
        "--report",
        type=Path,
        metavar="HTML",
        help="write a page with figures, curves and the worst errors; it shows faces",
    )
    options.add_preprocess(parser)
    options.add_providers(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    request = EvaluationRequest(
        models=args.models,
        data=args.data,
        protocol=args.protocol,
        target=args.target,
        robustness=args.robustness,
        pair_list=args.pair_list,
        pairs=args.pairs,
        detector=args.detector,
        aligned=args.aligned,
        flip=args.flip,
        threshold=args.threshold,
        report=args.report,
        preprocess=args.preprocess,
        providers=options.read_providers(args),
        command=args.command,
    )

    from ..evaluate import evaluate  # after the request, whose faults are told without these imports

    evaluation = evaluate(request, output)
    output.result(evaluation.text(), evaluation.to_dict(), evaluation.error)
    return 0 if evaluation.error is None else evaluation.error.exit_code
