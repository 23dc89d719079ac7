"""Do two photos show the same person? Exit code 0: the same, 1: different, 2 or more: an error."""

import argparse
from pathlib import Path

from ..output import Output
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="a photo")
    parser.add_argument("b", metavar="B", help="another photo")
    options.add_verification(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="cosine; by default the one measured for the file")
    parser.add_argument("--show", type=Path, metavar="PNG", help="write a picture of what was found and compared")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..infer.verifier import FaceVerifier

    if args.show is not None:
        from ..infer.verification_picture import check_target

        check_target(args.show, (args.a, args.b))
    verifier = FaceVerifier(**options.read_verification(args, output), threshold=args.threshold)
    names = args.a, args.b
    if args.show is None:
        verification = verifier.verify(*names)
    else:  # read once, so that what is shown is what was compared
        from ..align.image_file import load_image

        images = load_image(args.a), load_image(args.b)
        verification = verifier.verify(*images, names=names)
    for note in verification.notes:
        output.note(note)
    if args.show is not None:
        from ..infer.verification_picture import write_picture

        write_picture(args.show, verification, images)
    output.result(str(verification), verification.to_dict())
    return 0 if verification.same else 1
