"""Convert a training set to another layout, or check it: `sface data convert`, `sface data check`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from . import options

if TYPE_CHECKING:
    from ..datasets import SetCheck

SHOWN = 10  # of the images that are listed for a person; with --json they are all there


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="convert|check", dest="action", required=True)
    convert = actions.add_parser(
        "convert",
        help="write a set anew in another layout; its images stay what they are, byte by byte",
        description="Write a set anew in another layout. The images' files stay what they are, byte by byte; what is "
        "no image file or was cut off is left out and named.",
    )
    convert.add_argument(
        "source", metavar="SOURCE", type=Path, help="folder with train.rec, with imgs.txt, or with a folder per person"
    )
    convert.add_argument("-o", "--output", metavar="TARGET", type=Path, required=True, help="folder to make")
    convert.add_argument(
        "--to",
        choices=("records", "images"),
        help="records: train.rec as MXNet reads it; images: files and imgs.txt. By default what SOURCE is not",
    )
    check = actions.add_parser(
        "check",
        help="count people and images, find unreadable images and exact duplicates",
        description="Decode every image of a set: count people and images, list what can't be read and what is there "
        "twice. Ends with 6 where more than 1 %% can't be read, as training would.",
    )
    check.add_argument("root", metavar="ROOT", type=Path, help="the set's folder")
    check.add_argument("--plot", metavar="FILE.png", type=Path, help="draw how many images each person has")
    for action in (convert, check):
        options.add_output_flags(action)


def run(args: argparse.Namespace, output: Output) -> int:
    with sigterm_as_interrupt():
        return _convert(args, output) if args.action == "convert" else _check(args, output)


def _convert(args: argparse.Namespace, output: Output) -> int:
    from ..datasets import convert

    done = convert(args.source, args.output, args.to, output=output)
    what = "train.rec" if done.layout == "records" else "files with imgs.txt"
    output.result(
        f"{done.path}: {done.images:,} images of {done.people:,} people as {what}"
        f"{_listed(', left out', done.left_out)}",
        done.to_dict(),
    )
    return 0


def _check(args: argparse.Namespace, output: Output) -> int:
    from ..datasets import check

    found = check(args.root, plot=args.plot, output=output)
    output.result(_report(found), found.to_dict())
    return DataError.exit_code if found.refused else 0


def _report(found: "SetCheck") -> str:
    fields = found.to_dict()
    sizes = fields["images_per_person"]
    without = sizes["people_without"]
    copies = sum(len(group) - 1 for group in found.within + found.across)
    lines = [
        f"{fields['path']}: {fields['images']:,} images of {fields['people']:,} people, "
        f"{fields['size']}x{fields['size']} pixels ({fields['layout']})",
        f"images per person: {sizes['min']:,} to {sizes['max']:,}, median {sizes['median']:g}"
        + (f"; {without:,} people have none" if without else ""),
        _listed("unreadable", list(found.unreadable.values())),
        *(["more than 1 % is unreadable: training refuses this set"] if found.refused else []),
        f"images that repeat another: {copies:,}",
    ]
    for what, groups in (
        ("of one person", fields["equal_of_one_person"]),
        ("of different people", fields["equal_of_different_people"]),
    ):
        if groups:
            lines.append(_listed(f"equal images {what}", [" = ".join(group) for group in groups]))
    return "\n".join(lines)


def _listed(what: str, items: list[str]) -> str:
    """How many there are, and the first of them, a line each."""
    more = [f"and {len(items) - SHOWN:,} more (--json lists all)"] if len(items) > SHOWN else []
    return "\n  ".join([f"{what}: {len(items):,}", *items[:SHOWN], *more])
