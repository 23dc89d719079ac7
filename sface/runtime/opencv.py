"""`from sface.runtime.opencv import cv2`: OpenCV, or one line that names what this machine lacks for it."""

from ..errors import DependencyError
from .system import missing_for_opencv

try:
    import cv2
except ImportError as error:
    # opencv-python is always installed with sface; what can be missing are the system's libraries under it.
    _remedy = f"apt-get install {' '.join(missing_for_opencv() or ['libgl1', 'libglib2.0-0'])}"
    raise DependencyError(f"OpenCV can't be imported ({error}); on Debian or Ubuntu: {_remedy}") from error

__all__ = ["cv2"]
