"""Options that several commands have, each defined once."""

import argparse
from collections.abc import Sequence
from typing import Any

from ..align.choice import FACE_CHOICES
from ..model_files.metadata import PREPROCESS
from ..output import Output


def add_detector(parser: argparse.ArgumentParser) -> None:
    """--detector: argument `detector` of `load_detector`."""
    parser.add_argument(
        "--detector", metavar="mtcnn|yunet|FILE", help="what finds the faces; by default YuNet if its file is known"
    )


def add_faces(parser: argparse.ArgumentParser, choices: Sequence[str] = FACE_CHOICES) -> None:
    """--faces: argument `faces` of `FaceVerifier`."""
    parser.add_argument(
        "--faces", choices=choices, default="best", help="which of a photo's faces; error: only one may be in it"
    )


def add_preprocess(parser: argparse.ArgumentParser) -> None:
    """--preprocess: argument `preprocess` of `FaceEmbedder`."""
    parser.add_argument(
        "--preprocess", choices=PREPROCESS, help="input of a file that doesn't say it: RGB 0..255, or -1..1"
    )


def add_providers(parser: argparse.ArgumentParser) -> None:
    """--providers: argument `providers` of `FaceEmbedder`; `read_providers` reads it."""
    parser.add_argument(
        "--providers", metavar="NAMES", default="auto", help="what runs the network: auto, cpu, cuda, ..., with commas"
    )


def read_providers(args: argparse.Namespace) -> Any:
    """ "auto", or a list of names."""
    return "auto" if args.providers == "auto" else args.providers.split(",")


def add_output_flags(action: argparse.ArgumentParser) -> None:
    """--json and --quiet of the verb itself, which then may stand behind an action of it too."""
    for flag in ("--json", "--quiet"):
        action.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_verification(parser: argparse.ArgumentParser, faces: Sequence[str] = FACE_CHOICES) -> None:
    """The options of a `FaceVerifier`: which network, which faces, on what; `read_verification` reads them."""
    parser.add_argument("--model", metavar="FILE", help="ONNX file; by default that of $SFACE_HOME/models")
    add_preprocess(parser)
    add_detector(parser)
    add_faces(parser, faces)
    parser.add_argument("--aligned", action="store_true", help="the files are aligned crops, not photos")
    parser.add_argument("--flip", action="store_true", help="embed each face's mirror image too: twice the time")
    add_providers(parser)


def read_verification(args: argparse.Namespace, output: Output) -> dict[str, Any]:
    """Arguments of `FaceVerifier`. Where there is no model, a person at a terminal is offered one."""
    if args.model is None:
        from .model_offer import offer_default

        args.model = offer_default(output)
    return {
        "model": args.model,
        "preprocess": args.preprocess,
        "detector": args.detector,
        "faces": args.faces,
        "aligned": args.aligned,
        "flip": args.flip,
        "providers": read_providers(args),
    }
