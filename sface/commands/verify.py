"""Do two photos show the same person? Exit code 0: the same, 1: different, 2 or more: an error."""

import argparse

from ..metadata import PREPROCESS
from ..output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="a photo")
    parser.add_argument("b", metavar="B", help="another photo")
    parser.add_argument("--model", metavar="FILE", help="ONNX file; by default $SFACE_HOME/models/default.onnx")
    parser.add_argument(
        "--detector", metavar="mtcnn|yunet|FILE", help="what finds the faces; by default YuNet if its file is known"
    )
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine; by default the one measured for the file")
    parser.add_argument(
        "--preprocess", choices=PREPROCESS, help="input of a file that doesn't say it: RGB 0..255, or -1..1"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer.verifier import FaceVerifier

    verifier = FaceVerifier(args.model, detector=args.detector, threshold=args.threshold, preprocess=args.preprocess)
    verification = verifier.verify(args.a, args.b)
    for note in verification.notes:
        output.note(note)
    output.result(str(verification), verification.to_dict())
    return 0 if verification.same else 1
