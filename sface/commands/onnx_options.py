"""What `sface export` and `sface optimize` have in common: the options of the file that they write."""

import argparse
from pathlib import Path

from ..errors import UsageError


def add_options(parser: argparse.ArgumentParser) -> None:
    """--target, --without, --report."""
    add = parser.add_argument
    add("--target", default="onnxruntime", metavar="onnxruntime|opencv", help="what it is to be fast in")
    add("--without", action="append", default=[], metavar="PASS", help="leave out a pass (export/passes) by its name")
    add("--report", type=Path, metavar="FILE", help="write what was measured as JSON, also where the file is refused")


def check_output(path: Path) -> None:
    """Raises UsageError where the file to write is a folder."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name the file, such as {path / 'model.onnx'}")
