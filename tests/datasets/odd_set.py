"""A set that a loader's process can open and that goes wrong on command. The process imports nothing but this."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from sface.datasets.image_sets import Image, ImageSet
from sface.errors import DataError, ImageError

COUNT, SIZE = 200, 8


class OddSet(ImageSet):
    """200 pictures of 8x8; picture i is grey with the value i, its label is i, and `faults` says what happens at i."""

    kind = "odd"

    def __init__(self, faults: dict[int, str], delay: float = 0) -> None:
        self.root, self.name, self.size, self.num_classes = Path("odd"), "odd", SIZE, COUNT
        self.labels = np.arange(COUNT, dtype=np.int32)
        self.unreadable = {}
        self.faults = faults
        self.delay = delay

    def image(self, index: int, out: Image | None = None) -> Image:
        time.sleep(self.delay)
        match self.faults.get(index):
            case "unreadable":
                raise ImageError(f"picture {index} is torn")
            case "refuse":
                raise DataError("the disk was taken out; put it back")
            case "raise":
                raise ZeroDivisionError("division\nby zero")
            case "exit":
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "signal":
                os.kill(os.getpid(), signal.SIGUSR2)
            case "jittor":
                assert not [name for name in sys.modules if name.startswith("jittor")]
        image = np.empty((SIZE, SIZE, 3), dtype=np.uint8) if out is None else out
        image[:] = index
        return image
