"""Embeddings of aligned face crops, computed by a model file in onnxruntime."""

import hashlib
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ..align.image_file import Color
from ..errors import ModelError, PreprocessError, UsageError
from ..model_files.known_files import known_metadata
from ..model_files.metadata import PREPROCESS, ModelMetadata, Preprocess, from_props
from ..model_files.network_input import network_input
from ..model_files.onnx_session import CPU, Providers, in_one_line, open_session, read_model

# Crops given to the network at once: more do not make it faster and take more memory. A CPU's caches hold what four
# crops become between two layers; with 32 a crop takes a fifth longer (docs/speed.md).
_ON_GPU, _ON_CPU = 32, 4


class Embeddings(NamedTuple):
    """What a network says of N crops.

    unit     float32 (N, D), the embeddings as unit vectors: their dot product is the similarity, a cosine in [-1, 1]
    lengths  float32 (N,), the lengths of the raw vectors; a long one speaks for a crop of good quality
    """

    unit: NDArray[np.float32]
    lengths: NDArray[np.float32]


class FaceEmbedder:
    """The network in an ONNX file. One embedder may be used by several threads at once.

    model       path of the file; its graph takes one float32 (N, 3, S, S), RGB, and gives one float32 (N, D);
                N is free, or a number
    preprocess  what the file's input is, where its metadata don't say and it is none of the published files that are
                known by their bytes: "raw", RGB 0..255, or "centered", (x - 127.5) / 127.5
    providers   what runs it: "auto", CUDA where there is a GPU that onnxruntime can use, else the CPU; or a list of
                onnxruntime's names, in short "cpu", "cuda": then one that can't be had is an error
    threads     CPU threads for one call; None: all cores

    Attributes: path; sha256, of its bytes; metadata; input_size, S; embedding_size, D; provider, the first of those
    that run it ("CPUExecutionProvider"); chunk, the number of crops that it is given at once.

    Raises ModelError where the file is missing, damaged, not whole (weights in other files) or no such network,
    PreprocessError where neither it nor `preprocess` says what its input is, DependencyError without onnxruntime or
    where a provider can't be had, UsageError for an unknown one.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        preprocess: Preprocess | None = None,
        providers: Providers = "auto",
        threads: int | None = None,
    ) -> None:
        if preprocess is not None and preprocess not in PREPROCESS:
            raise UsageError(
                f"preprocess {preprocess!r}: must be one of {', '.join(PREPROCESS)}", argument="preprocess"
            )
        self.path = Path(model)
        data = read_model(self.path, "name an ONNX file")
        digest = hashlib.sha256()
        hashing = threading.Thread(target=digest.update, args=(data,))  # beside loading: each takes its time
        hashing.start()
        self._session = open_session(data, str(self.path), threads, providers)
        hashing.join()
        self.sha256 = digest.hexdigest()
        self.provider: str = self._session.get_providers()[0]
        self.input_size, self.embedding_size, self._batch = _check_graph(self.path, self._session)
        self.chunk = self._batch or (_ON_CPU if self.provider == CPU else _ON_GPU)
        self._input = self._session.get_inputs()[0].name
        self.metadata = self._read_metadata(preprocess)

    def embed(self, crops: NDArray[np.uint8], *, flip: bool = False, color: Color = "rgb") -> Embeddings:
        """Embed N crops, uint8 (N, S, S, 3). N may be 0; memory does not grow with it beyond the result's.

        flip   each embedding is the mean of the crop's and its mirror image's; a little more exact, twice the time
        color  the order of the crops' channels: "rgb", or "bgr" as OpenCV has it

        Raises UsageError where `crops` are of another shape or type, or for another `color`, ModelError where the
        network fails on them.
        """
        if color not in get_args(Color):
            raise UsageError(f"color {color!r}: must be 'rgb' or 'bgr'", argument="color")
        size = self.input_size
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
            raise UsageError(
                f"takes crops uint8 (N, {size}, {size}, 3), not {crops.dtype} {crops.shape}", path=self.path
            )
        if color == "bgr":
            crops = crops[..., ::-1]
        raw = np.empty((len(crops), self.embedding_size), dtype=np.float32)
        for start in range(0, len(crops), self.chunk):
            part = crops[start : start + self.chunk]
            raw[start : start + self.chunk] = self._run(part)
            if flip:
                raw[start : start + self.chunk] += self._run(part[:, :, ::-1])
        if flip:
            raw /= 2
        # float64: the squares of a float32 may be too large or too small for a float32.
        lengths = np.linalg.norm(raw.astype(np.float64), axis=1)
        if not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise ModelError("gives an embedding of zeros, or not of numbers; the file is damaged", path=self.path)
        return Embeddings((raw / lengths[:, None]).astype(np.float32), lengths.astype(np.float32))

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The raw embeddings of one chunk, float32 (n, D)."""
        count = len(crops)
        if self._batch is not None and count < self._batch:  # what is missing is made up
            crops = np.concatenate([crops, np.repeat(crops[-1:], self._batch - count, axis=0)])
        batch = network_input(crops, self.metadata.preprocess)
        try:
            raw: NDArray[np.float32] = self._session.run(None, {self._input: batch})[0]
        except Exception as error:  # onnxruntime's own errors have no common base
            raise ModelError(f"onnxruntime can't run it ({in_one_line(error)})", path=self.path) from error
        if raw.shape != (len(crops), self.embedding_size):
            raise ModelError(
                f"gives {raw.shape} for {len(crops)} crops", path=self.path, remedy="export it again with a free batch"
            )
        return raw[:count]

    def _read_metadata(self, preprocess: Preprocess | None) -> ModelMetadata:
        """The file's own metadata, or what is known of a published file, or what `preprocess` says of another."""
        metadata = from_props(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        metadata = metadata or known_metadata(self.sha256, self.input_size, self.embedding_size)
        if metadata is None:
            if preprocess is None:
                raise PreprocessError(
                    "does not say what its input is",
                    path=self.path,
                    remedy=(
                        "add preprocess raw (RGB 0..255) or centered ((x - 127.5) / 127.5), whichever it was "
                        "trained with"
                    ),
                    argument="preprocess",
                )
            return ModelMetadata(preprocess, self.input_size, self.embedding_size)
        if preprocess not in (None, metadata.preprocess):
            raise PreprocessError(
                f"takes {metadata.preprocess} input",
                path=self.path,
                remedy=f"leave out preprocess {preprocess}",
                argument="preprocess",
            )
        if (metadata.input_size, metadata.embedding_size) != (self.input_size, self.embedding_size):
            raise ModelError("its metadata contradict its graph's sizes", path=self.path, remedy="export it again")
        return metadata


def _check_graph(path: Path, session: Any) -> tuple[int, int, int | None]:
    """S, D and the batch, None where it is free. Raises ModelError where it is no such network."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    wanted = "a face-recognition network takes one float32 (N, 3, S, S) and gives one float32 (N, D)"
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(f"has {len(inputs)} inputs and {len(outputs)} outputs; {wanted}", path=path)
    shape, result = inputs[0].shape, outputs[0].shape
    if (
        inputs[0].type != "tensor(float)"
        or outputs[0].type != "tensor(float)"
        or len(shape) != 4
        or shape[1] != 3
        or shape[2] != shape[3]
        or not isinstance(shape[2], int)
        or len(result) != 2
        or not isinstance(result[1], int)
    ):
        raise ModelError(f"takes {inputs[0].type} {shape} and gives {outputs[0].type} {result}; {wanted}", path=path)
    return shape[2], result[1], shape[0] if isinstance(shape[0], int) else None
