"""What can be refused of a call before a package is imported or a file is read."""

from pathlib import Path

from ..errors import UsageError
from .onnx_files.onnx_file import check_output
from .targets import ONNXRUNTIME, Target, find_target


def check_request(path: Path, target: str | Target, precision: str = "fp32", *, batch: int | None = None) -> Target:
    """The target, where the file `path` can be asked for: `target`, `batch` as in `export`; precision: "fp32" or that
    of a `Lowering`.

    Raises UsageError where the file is a folder, the target is unknown or takes no file of that precision, or `batch`
    is no number of crops.
    """
    target = find_target(target)
    check_output(path)
    if precision != "fp32" and target is not ONNXRUNTIME:
        raise UsageError(
            f"files for {target.name} are fp32, not {precision}", remedy="leave out target", argument="target"
        )
    if batch is not None and batch < 1:
        raise UsageError(f"batch {batch}: must be 1 or more", argument="batch")
    return target
