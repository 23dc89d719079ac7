"""`from sface.runtime.opencv import cv2`: OpenCV, imported when it is first used; its import takes longer than some
commands that need it only at times. Or one line that names what this machine lacks for it."""

import importlib
from typing import Any

from ..errors import DependencyError
from .system import missing_for_opencv


class _OpenCV:
    """The module cv2, once one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        try:
            module = importlib.import_module("cv2")
        except ImportError as error:
            # opencv-python is always installed with sface; what can be missing are the system's libraries under it.
            remedy = f"apt-get install {' '.join(missing_for_opencv() or ['libgl1', 'libglib2.0-0'])}"
            raise DependencyError(f"OpenCV can't be imported ({error}); on Debian or Ubuntu: {remedy}") from error
        self.__dict__.update(vars(module))  # from here on its names are found without this function
        return getattr(module, name)


cv2: Any = _OpenCV()

__all__ = ["cv2"]
