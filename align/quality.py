"""How good a face's picture is for recognition, in figures that need no network."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runtime.opencv import cv2

# How far the tip of the nose stands out before the eyes, in distances between the eyes: what turns it sideways in a
# picture of a turned head. Of an average adult.
NOSE_DEPTH = 0.55


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of one face.

    sharpness   variance of the Laplacian of the grey crop (Pech-Pacheco et al., ICPR 2000); below about 100: blurred
    brightness  mean of the grey crop, 0 (black) to 1 (white)
    size        distance between the eyes in pixels of the photo; below about 20 little is to be seen
    yaw         degrees that the head is turned, estimated from the nose; positive: towards the image's right
    roll        degrees that the head is tilted; positive: clockwise, the image-right eye is the lower one
    """

    sharpness: float
    brightness: float
    size: float
    yaw: float
    roll: float


def measure_quality(crop: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Quality:
    """Measure a face: its aligned crop, uint8 (S, S, 3) RGB, and its five landmarks (5, 2) in pixels of the photo."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    left_eye, right_eye, nose = landmarks[:3].astype(np.float64)
    across = right_eye - left_eye
    distance = float(np.linalg.norm(across))
    sideways = float((nose - (left_eye + right_eye) / 2) @ across) / distance**2 if distance else 0.0
    return Quality(
        sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        brightness=float(grey.mean()) / 255,
        size=distance,
        yaw=math.degrees(math.atan(sideways / NOSE_DEPTH)),
        roll=math.degrees(math.atan2(across[1], across[0])),
    )
