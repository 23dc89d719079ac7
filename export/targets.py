"""The libraries that a file can be made fast for."""

from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """A library that runs the file.

    without  the passes that would make it slower there
    batch    the number of crops that it wants to be fixed; None: free
    """

    name: str
    without: tuple[str, ...] = ()
    batch: int | None = None


ONNXRUNTIME = Target("onnxruntime")
# OpenCV computes PRelu faster than what it is rewritten to, and the engine of OpenCV 5 refuses a free batch.
OPENCV = Target("opencv", without=("rewrite_prelu",), batch=1)
TARGETS = {target.name: target for target in (ONNXRUNTIME, OPENCV)}


def find_target(target: str | Target) -> Target:
    """The target of that name. Raises UsageError for a name that no target has."""
    if isinstance(target, Target):
        return target
    if target not in TARGETS:
        raise UsageError(f"target {target}: must be one of {', '.join(TARGETS)}", argument="target")
    return TARGETS[target]
