"""Convert a training set to another layout, or check it: `sface data convert`, `sface data check`."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from ..progress import progress
from ..runtime import dependencies
from . import options

if TYPE_CHECKING:
    from ..datasets.check import SetCheck
    from ..datasets.image_sets import ImageSet

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
    from ..datasets.convert import convert_to_images, convert_to_records
    from ..datasets.image_sets import RECORDS, open_image_set

    target: Path = args.output
    if target.exists() or target.is_symlink():
        raise UsageError("is there already", path=target, remedy="name a new folder")
    if target.resolve().is_relative_to(args.source.resolve()):
        raise UsageError(f"lies in {args.source} itself", path=target, remedy="name a folder elsewhere")
    source, start = open_image_set(args.source), time.perf_counter()
    to = args.to or ("images" if source.kind == RECORDS else "records")
    with progress(len(source), "images", output) as seen:
        done = (convert_to_records if to == "records" else convert_to_images)(source, target, seen)
    output.result(
        f"{target}: {done.images:,} images of {source.num_classes:,} people as "
        f"{RECORDS if to == 'records' else 'files with imgs.txt'}{_listed(', left out', done.left_out)}",
        {
            "path": str(target),
            "layout": to,
            "people": source.num_classes,
            "images": done.images,
            "left_out": done.left_out,
            "seconds": round(time.perf_counter() - start, 1),
        },
    )
    return 0


def _check(args: argparse.Namespace, output: Output) -> int:
    import numpy as np

    from ..datasets.check import check_set
    from ..datasets.class_size_plot import draw_class_sizes
    from ..datasets.image_sets import open_image_set

    if args.plot is not None:
        if args.plot.suffix.lower() != ".png" or args.plot.is_dir():
            raise UsageError(f"--plot {args.plot}: name a file that ends with .png")
        dependencies.require("matplotlib", "train")
    images = open_image_set(args.root)
    with progress(len(images), "images", output) as seen:
        found = check_set(images, seen)
    if args.plot is not None:
        draw_class_sizes(found.class_sizes, f"{images.name}: {len(images):,} images", args.plot)
    sizes = found.class_sizes
    output.result(
        _report(images, found),
        {
            "path": str(args.root),
            "layout": images.kind,
            "people": images.num_classes,
            "images": len(images),
            "size": images.size,
            "images_per_person": {
                "min": int(sizes.min()),
                "median": float(np.median(sizes)),
                "max": int(sizes.max()),
                "people_without": int(np.count_nonzero(sizes == 0)),
            },
            "unreadable": [{"image": images.where(index), "why": why} for index, why in found.unreadable.items()],
            "equal_of_one_person": [[images.where(index) for index in group] for group in found.within],
            "equal_of_different_people": [[images.where(index) for index in group] for group in found.across],
            "refused": found.refused,
            "plot": str(args.plot) if args.plot is not None else None,
        },
    )
    return DataError.exit_code if found.refused else 0


def _report(images: "ImageSet", found: "SetCheck") -> str:
    import numpy as np

    sizes = found.class_sizes
    without = int(np.count_nonzero(sizes == 0))
    copies = sum(len(group) - 1 for group in found.within + found.across)
    lines = [
        f"{images.root}: {len(images):,} images of {images.num_classes:,} people, "
        f"{images.size}x{images.size} pixels ({images.kind})",
        f"images per person: {sizes.min():,} to {sizes.max():,}, median {np.median(sizes):g}"
        + (f"; {without:,} people have none" if without else ""),
        _listed("unreadable", list(found.unreadable.values())),
        *(["more than 1 % is unreadable: training refuses this set"] if found.refused else []),
        f"images that repeat another: {copies:,}",
    ]
    for what, groups in (("of one person", found.within), ("of different people", found.across)):
        if groups:
            lines.append(_listed(f"equal images {what}", [" = ".join(map(images.where, group)) for group in groups]))
    return "\n".join(lines)


def _listed(what: str, items: list[str]) -> str:
    """How many there are, and the first of them, a line each."""
    more = [f"and {len(items) - SHOWN:,} more (--json lists all)"] if len(items) > SHOWN else []
    return "\n  ".join([f"{what}: {len(items):,}", *items[:SHOWN], *more])
