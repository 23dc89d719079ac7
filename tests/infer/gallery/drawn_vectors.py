"""Unit vectors drawn at random, and a gallery of them, for the tests of galleries."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sface.infer import Gallery

SIZE = 8


class Network(NamedTuple):
    """What a gallery has to know of an embedder."""

    sha256: str
    embedding_size: int


MODEL, OTHER = Network("a" * 64, SIZE), Network("b" * 64, SIZE)


def unit(seed: int, count: int, size: int = SIZE) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def three() -> Gallery:
    gallery = Gallery(MODEL)
    gallery.add({"Ada": unit(1, 2), "Bo": unit(2, 1), "Çiğdem 李": unit(3, 3)})
    return gallery
