"""Small sets and pictures for tests."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sface.runtime.opencv import cv2


def crop(seed: int, size: int = 112) -> npt.NDArray[np.uint8]:
    """A picture with a red left half and a blue right half, and some noise."""
    image = np.random.default_rng(seed).integers(0, 40, (size, size, 3), dtype=np.uint8)
    image[:, : size // 2, 0] += 200
    image[:, size // 2 :, 2] += 200
    return image


def encoded(image: npt.NDArray[np.uint8], ending: str = ".jpg", *options: int) -> bytes:
    return cv2.imencode(ending, image[:, :, ::-1], list(options))[1].tobytes()


def write_list(folder: Path, lines: str | bytes, prop: str = "3,112,112") -> Path:
    (folder / "property").write_text(prop)
    (folder / "imgs.txt").write_bytes(lines.encode() if isinstance(lines, str) else lines)
    return folder


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
