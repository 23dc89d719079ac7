"""How good a model is on people it has not seen, and what raw pixels alone would give."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sface.datasets import ImageSet, open_image_set
from sface.evaluate.figures.metrics import squared_distances, ten_fold_accuracy
from sface.evaluate.figures.pairs import sample_pairs, similarities
from sface.infer import FaceEmbedder

PAIRS = 3000  # of each kind
CANDIDATES = 10


class Pair(NamedTuple):
    """Two photos."""

    first: Path
    second: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """On the same balanced pairs of people not seen: the network's 10-fold accuracy, and what raw pixels give.

    genuine, impostor  the pairs of crops of middling similarity, the most typical first
    """

    network: float
    pixels: float
    pairs: int
    genuine: list[Pair]
    impostor: list[Pair]


def measure(model: Path, held_out: Path) -> Measured:
    """Measure on the set of crops in `held_out`, with mirror images added as is done on LFW."""
    image_set = open_image_set(held_out)
    crops = np.stack([image_set.image(index) for index in range(len(image_set))])
    pairs, same = _balanced_pairs(image_set)
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    embedder = FaceEmbedder(model)
    plain, other = embedder.embed(crops), embedder.embed(mirrored)
    network = np.add(plain.unit * plain.lengths[:, None], other.unit * other.lengths[:, None], dtype=np.float32)
    pixels = np.add(crops, mirrored, dtype=np.float32).reshape(len(crops), -1)
    centred: NDArray[np.float32] = pixels - pixels.mean(axis=1, keepdims=True)

    def accuracy(vectors: NDArray[np.float32]) -> float:
        return ten_fold_accuracy(squared_distances(vectors[pairs[:, 0]], vectors[pairs[:, 1]]), same).accuracy

    paths = [line.rsplit(None, 1)[0] for line in (held_out / "imgs.txt").read_text(encoding="utf-8").splitlines()]
    cosines = similarities(plain.unit, pairs)

    def typical(kind: NDArray[np.bool_]) -> list[Pair]:
        of_kind = np.flatnonzero(kind)
        nearest = of_kind[np.argsort(np.abs(cosines[of_kind] - np.median(cosines[of_kind])), kind="stable")]
        return [Pair(Path(paths[i]), Path(paths[j])) for i, j in pairs[nearest[:CANDIDATES]]]

    return Measured(
        accuracy(network), max(accuracy(pixels), accuracy(centred)), len(pairs), typical(same), typical(~same)
    )


def _balanced_pairs(image_set: ImageSet) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Pairs (P, 2), genuine and impostor by turns so that each fold has as many of both."""
    genuine = sample_pairs(image_set.labels, genuine=True, limit=PAIRS)
    impostor = sample_pairs(image_set.labels, genuine=False, limit=len(genuine))
    count = len(impostor)
    pairs = np.stack([genuine[:count], impostor], axis=1).reshape(-1, 2)
    return pairs, np.tile([True, False], count)
