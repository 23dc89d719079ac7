"""Draw a set of made-up people: whole pictures, and a training set cut out of them by the aligner."""

import argparse
from pathlib import Path

from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="folder to make, with photos/ and crops/ in it")
    parser.add_argument("--people", type=int, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--photos", type=int, default=20, metavar="M", help="pictures of each of them (default: 20)")
    parser.add_argument("--seed", type=int, default=1337, help="another seed, other people (default: 1337)")
    options.add_detector(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    from ..align import draw_people

    with sigterm_as_interrupt():
        drawn = draw_people(
            args.dir, people=args.people, photos=args.photos, seed=args.seed, detector=args.detector, output=output
        )
    output.result(str(drawn), drawn.to_dict())
    return 0
