"""A trained network whose embeddings another learns to give, in place of labels."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..infer.embedder import FaceEmbedder
from ..model_files.metadata import Preprocess
from .config import TeacherConfig


class Teacher:
    """The network in an ONNX file. It can be pickled, and then opens the file in the process that it came to.

    name, sha256: of the file; embedding_size, D; input_size, S.

    It computes in one thread, so that what it says of a batch is the same in every process.
    """

    def __init__(self, path: str | os.PathLike[str], preprocess: Preprocess | None = None) -> None:
        """Raises ModelError, PreprocessError and DependencyError as `FaceEmbedder`."""
        self._path, self._preprocess = Path(path), preprocess
        self._embedder: FaceEmbedder | None = None
        embedder = self._open()
        self.name, self.sha256 = self._path.name, embedder.sha256
        self.embedding_size, self.input_size = embedder.embedding_size, embedder.input_size

    @property
    def config(self) -> TeacherConfig:
        """What a run says of it."""
        return TeacherConfig(self.name, self.sha256)

    def embed(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Unit embeddings float32 (N, D) of crops uint8 (N, S, S, 3) RGB.

        Raises ModelError, also where the file is another by now than the one that the run began with.
        """
        if self._embedder is None:
            embedder = self._open()
            if embedder.sha256 != self.sha256:
                raise ModelError("was exchanged while the training began", path=self._path, remedy="start again")
            self._embedder = embedder
        return self._embedder.embed(crops).unit

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_embedder": None}

    def _open(self) -> FaceEmbedder:
        return FaceEmbedder(self._path, preprocess=self._preprocess, providers=("cpu",), threads=1)
