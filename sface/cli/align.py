"""Cut the faces out of photos, a folder per person, as a training set; an interrupted run goes on where it was."""

import argparse
from pathlib import Path

from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="folder that holds a folder of photos per person")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="folder to make")
    options.add_faces(parser)
    options.add_detector(parser)
    parser.add_argument("--records", action="store_true", help="write train.rec, in place of files and imgs.txt")


def run(args: argparse.Namespace, output: Output) -> int:
    from ..align import align_folder

    with sigterm_as_interrupt():
        aligned = align_folder(
            args.dir, args.output, faces=args.faces, detector=args.detector, records=args.records, output=output
        )
    output.result(str(aligned), aligned.to_dict())
    return 0
