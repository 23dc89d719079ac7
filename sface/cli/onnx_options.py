"""What `sface export` and `sface optimize` have in common: the options of the file that they write."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..export import Choice, Lowering, Precision

PRECISIONS = ("fp32", "fp16", "int8", "auto")
# Options that are called otherwise than the arguments of `Lowering`.
OPTIONS = {"crops": "calibration", "accuracy": "eval_set"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """--target, --without, --report, and those of the precision."""
    add = parser.add_argument
    add("--target", default="onnxruntime", metavar="onnxruntime|opencv", help="what it is to be fast in")
    add("--without", action="append", default=[], metavar="PASS", help="leave out a pass (export/passes) by its name")
    add("--report", type=Path, metavar="FILE", help="write what was measured as JSON, also where the file is refused")
    add(
        "--precision",
        default="fp32",
        choices=PRECISIONS,
        help="fp16 for GPUs, int8 for processors; auto measures fp32 and int8 and writes the faster one, int8 only if "
        "its accuracy is not lower by more than 0.1 points",
    )
    add(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="real face crops, which fp16 and int8 are measured with and int8 is calibrated on: a training set, or a "
        "folder of pictures",
    )
    add("--eval_set", type=Path, metavar="FILE", help="a set such as lfw.bin, to measure their accuracy on")


def read_lowering(args: argparse.Namespace) -> "Lowering | None":
    """--precision, --calibration and --eval_set; None for fp32. Raises UsageError, DataError."""
    if args.precision == "fp32":
        if args.calibration is not None or args.eval_set is not None:
            raise UsageError(
                "--calibration and --eval_set are for --precision fp16, int8 and auto",
                remedy="add that or leave it out",
            )
        return None
    if args.precision == "auto" and None in (args.calibration, args.eval_set):
        raise UsageError(
            "--precision auto: needs real face crops and a verification set",
            remedy="name them with --calibration and --eval_set",
        )
    if args.calibration is None:
        raise UsageError(
            f"--precision {args.precision}: needs real face crops", remedy="name their folder with --calibration"
        )

    from ..evaluate import accuracy_on
    from ..export import Lowering, read_crops

    accuracy = None if args.eval_set is None else accuracy_on(args.eval_set)
    return Lowering(args.precision, read_crops(args.calibration), accuracy)


def in_lines(*measured: "Precision | Choice | None") -> str:
    """What was measured of fp16 and int8, as further lines of the result."""
    return "".join(f"\n{each.text()}" for each in measured if each)
