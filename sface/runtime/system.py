"""What the machine itself must have, and the Debian packages that bring it. Needs nothing but Python.

Run as a file (`python3 sface/runtime/system.py`, before anything is installed) it ends with 1 and one line for what is
missing.
"""

import ctypes
import importlib.util
import os
import shutil
import sys
import sysconfig
from pathlib import Path


def missing_for_jittor() -> list[str]:
    """Debian packages that Jittor, which compiles its operators, lacks here."""
    compiler = os.environ.get("cc_path") or shutil.which("g++")  # noqa: SIM112 - Jittor's own variable
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return ([] if compiler else ["g++"]) + ([] if header.is_file() else ["python3-dev"])


def missing_for_opencv() -> list[str]:
    """Debian packages that opencv-python lacks here."""
    if sys.platform != "linux":
        return []
    libraries = {"libGL.so.1": "libgl1", "libglib-2.0.so.0": "libglib2.0-0"}
    return [package for library, package in libraries.items() if not _can_load(library)]


def missing_for_environment() -> list[str]:
    """Debian packages that making a virtual environment needs."""
    return [] if importlib.util.find_spec("ensurepip") else ["python3-venv"]


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main() -> int:
    """Check what `make` needs."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(
            f"error: {sys.executable} is Python {version}; training needs 3.11 or 3.12: make PYTHON=python3.12 ...\n"
        )
        return 1
    if missing := missing_for_environment() + missing_for_jittor() + missing_for_opencv():
        sys.stderr.write(f"error: this machine lacks system packages; on Debian: apt-get install {' '.join(missing)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
