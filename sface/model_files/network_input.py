"""What face networks take."""

import numpy as np
from numpy.typing import NDArray

from .metadata import Preprocess


def network_input(crops: NDArray[np.uint8], preprocess: Preprocess = "raw") -> NDArray[np.float32]:
    """Crops uint8 (N, S, S, 3) RGB → float32 (N, 3, S, S): "raw" 0..255, or "centered" (x - 127.5) / 127.5."""
    x = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
    return (x - np.float32(127.5)) / np.float32(127.5) if preprocess == "centered" else x
