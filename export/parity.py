"""Is the exported file the same function as the network it came from? Measured, with a named bound.

Both get the same crops at several batch sizes. Their embeddings, as unit vectors, may differ by BOUND. That is only
worth something where the input matters: two different crops must give outputs that differ by at least MATTERS of the
largest value, or a file that ignores its input would pass.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ParityError

Array = npt.NDArray[np.float32]

BATCHES = (1, 2, 7)
BOUND = 1e-4
COSINE_BOUND = 0.99999
MATTERS = 0.01


@dataclass(frozen=True, slots=True)
class Parity:
    """What was measured: the largest difference of unit vectors, the smallest cosine, and how much the input matters
    (the largest difference between two inputs' outputs as a share of the largest value)."""

    max_difference: float
    min_cosine: float
    input_matters: float


def random_crops(count: int, size: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Noise, uint8 (count, size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def network_input(crops: npt.NDArray[np.uint8]) -> Array:
    """Crops uint8 (N, S, S, 3) RGB → float32 (N, 3, S, S), 0..255."""
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)


def check_parity(
    network: Callable[[Array], Array], exported: Callable[[Array], Array], crop_sets: list[npt.NDArray[np.uint8]]
) -> Parity:
    """Compare both on each set of crops, uint8 (at least 7, S, S, 3), at the batch sizes BATCHES.

    Raises ParityError where a bound is missed, where the input hardly matters, or where a value is not finite.
    """
    worst, lowest, matters = 0.0, 1.0, np.inf
    for crops in crop_sets:
        x = network_input(crops[: max(BATCHES)])
        reference = network(x)
        if not np.isfinite(reference).all():
            raise ParityError("the network gives values that are not finite; take an earlier checkpoint")
        largest = np.abs(reference).max()
        differences = np.abs(reference[1:] - reference[:1]).max()
        matters = min(matters, float(differences / largest) if largest > 0 else 0.0)
        expected = _unit(reference)
        for batch in BATCHES:
            actual = _unit(exported(x[:batch]))
            worst = max(worst, _finite(np.abs(actual - expected[:batch]).max()))
            lowest = min(lowest, 1.0 - _finite(1.0 - (actual * expected[:batch]).sum(axis=1).min()))
    if matters < MATTERS:
        raise ParityError(
            f"the network gives nearly the same output for any input (they differ by {matters:.2%} of the largest "
            f"value, {MATTERS:.0%} is needed): nothing can be proven about its export; train it first"
        )
    if worst > BOUND or lowest < COSINE_BOUND:
        raise ParityError(
            f"the exported graph differs from the network: {worst:.1e} on unit vectors (bound {BOUND:.0e}), "
            f"cosine {lowest:.7f} (bound {COSINE_BOUND}); no file was written"
        )
    return Parity(worst, lowest, matters)


def _unit(embeddings: Array) -> npt.NDArray[np.float64]:
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-30))


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else np.inf
