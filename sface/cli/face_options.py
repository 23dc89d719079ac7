"""The options of all commands that take photos and a network: which network, which faces, on what."""

import argparse
from typing import Any

from ..align.choice import FACE_CHOICES
from ..model_files.metadata import PREPROCESS
from ..output import Output


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    parser.add_argument("--model", metavar="FILE", help="ONNX file; by default that of $SFACE_HOME/models")
    parser.add_argument("--preprocess", choices=PREPROCESS, help="input of an unknown file: RGB 0..255, or -1..1")
    parser.add_argument(
        "--detector", metavar="mtcnn|yunet|FILE", help="what finds the faces; by default YuNet if its file is known"
    )
    parser.add_argument("--face", choices=FACE_CHOICES, default="best", help="which of several; error: only one may be")
    parser.add_argument("--aligned", action="store_true", help="the files are aligned crops, not photos")
    parser.add_argument("--flip", action="store_true", help="embed each face's mirror image too: twice the time")
    parser.add_argument(
        "--providers", metavar="NAMES", default="auto", help="what runs the network: auto, cpu, cuda, ..., with commas"
    )


def read(args: argparse.Namespace, output: Output) -> dict[str, Any]:
    """What they say, as arguments of `FaceVerifier`. Where there is no model, a person at a terminal is offered one."""
    if args.model is None:
        from .zoo import offer_default

        args.model = str(offer_default(output))
    return {
        "model": args.model,
        "preprocess": args.preprocess,
        "detector": args.detector,
        "faces": args.face,
        "aligned": args.aligned,
        "flip": args.flip,
        "providers": "auto" if args.providers == "auto" else args.providers.split(","),
    }
