"""Is the exported file the same function as the network it came from? Measured, with named bounds.

Both get the same inputs at several batch sizes. How much they may differ is a share (BOUND) of how much the outputs of
two inputs differ from each other: where the output hardly changes, a file that ignores its input would pass any other
bound. Of a face network the outputs are compared as unit vectors, which is all that a similarity sees.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ParityError
from ...files import write_text
from ...model_files.metadata import Preprocess
from ...model_files.network_input import network_input

Array = npt.NDArray[np.float32]

BATCHES = (1, 2, 7)
BOUND = 1e-4
COSINE_BOUND = 0.99999
MATTERS = 0.01


@dataclass(frozen=True, slots=True)
class Parity:
    """What was measured: the largest difference of unit vectors, the smallest cosine, and how much the input matters
    (the largest difference between two inputs' outputs as a share of the largest value).

    max_difference: of a face network on unit vectors; else as a share of the largest difference of two inputs' outputs.
    redrawn: measured on a copy with other weights, because with its own the input hardly matters."""

    max_difference: float
    min_cosine: float
    input_matters: float
    redrawn: bool = False

    @property
    def proves(self) -> bool:
        """Whether the input mattered enough for the comparison to prove something."""
        return self.input_matters >= MATTERS

    @property
    def equal(self) -> bool:
        """Whether both bounds are kept."""
        return self.max_difference <= BOUND and self.min_cosine >= COSINE_BOUND


def raise_unless_equal(
    parity: Parity, *, must_matter: bool, first_difference: Callable[[], str | None], report: Path | None = None
) -> None:
    """Raise ParityError unless both bounds are kept. What was measured is written to the JSON file `report` before.

    must_matter: an input that hardly matters is an error too. first_difference: finds the layer where a difference
        begins.
    """
    layer = first_difference() if not parity.equal else None
    if report is not None:
        fields = asdict(parity) | {"bound": BOUND, "equal": parity.equal, "first_different_layer": layer}
        write_text(report, json.dumps(fields, indent=1) + "\n")
    if must_matter and not parity.proves:
        raise ParityError(
            f"the network gives nearly the same output for any input (they differ by {parity.input_matters:.2%} of the "
            f"largest value, {MATTERS:.0%} is needed): nothing can be proven about its export; train it first"
        )
    if not parity.equal:
        where = f"; the first layer that differs: {layer}" if layer else ""
        raise ParityError(
            f"the exported graph differs from the network: by {parity.max_difference:.1e} (bound {BOUND:.0e}), cosine "
            f"{parity.min_cosine:.7f} (bound {COSINE_BOUND}){where}; no file was written"
        )


def embed_all(
    network: Callable[[Array], Array], crop_sets: list[npt.NDArray[np.uint8]], preprocess: Preprocess = "raw"
) -> list[Array]:
    """What a face network says of the first crops of each set, for `measure_embeddings`."""
    return [network(network_input(crops[: max(BATCHES)], preprocess)) for crops in crop_sets]


def measure_embeddings(
    expected: list[Array],
    exported: Callable[[Array], Array],
    crop_sets: list[npt.NDArray[np.uint8]],
    preprocess: Preprocess = "raw",
) -> Parity:
    """Compare a face network with its file on sets of crops, uint8 (at least 7, S, S, 3), at the batch sizes BATCHES.

    expected: the network's embeddings, from `embed_all`. Raises ParityError where a value of them is not finite.
    """
    worst, lowest, matters = 0.0, 1.0, np.inf
    for reference, crops in zip(expected, crop_sets, strict=True):
        if not np.isfinite(reference).all():
            raise ParityError("the network gives values that are not finite", remedy="take an earlier checkpoint")
        x = network_input(crops[: max(BATCHES)], preprocess)
        largest = np.abs(reference).max()
        differences = np.abs(reference[1:] - reference[:1]).max()
        matters = min(matters, float(differences / largest) if largest > 0 else 0.0)
        units = _unit(reference)
        for batch in BATCHES:
            actual = _unit(exported(x[:batch]))
            worst = max(worst, _finite(np.abs(actual - units[:batch]).max()))
            lowest = min(lowest, 1.0 - _finite(1.0 - (actual * units[:batch]).sum(axis=1).min()))
    return Parity(worst, lowest, matters)


def on_rows(session: Any, most: int | None = None) -> Callable[[Array], Array]:
    """A face network in onnxruntime as a function of any number of rows, `most` at once if its batch is free."""
    entry = session.get_inputs()[0]
    batch = entry.shape[0] if isinstance(entry.shape[0], int) else most
    return in_batches(lambda x: np.asarray(session.run(None, {entry.name: x})[0]), batch)


def in_batches(run: Callable[[Array], Array], batch: int | None) -> Callable[[Array], Array]:
    """`run` for any number of rows, where it takes `batch` at once; what is missing in the last batch is made up."""
    if batch is None:
        return run

    def rows(x: Array) -> Array:
        filled = np.concatenate([x, np.repeat(x[-1:], -len(x) % batch, axis=0)])
        parts = [run(filled[start : start + batch]) for start in range(0, len(filled), batch)]
        return np.concatenate(parts)[: len(x)]

    return rows


def measure_outputs(
    module: Callable[..., list[Array]],
    exported: Callable[..., list[Array]],
    input_sets: list[tuple[Array, ...]],
    *,
    redrawn: bool = False,
) -> Parity:
    """Compare the outputs of a module with those of its file, one by one, on each set of inputs.

    Where the input hardly matters (`Parity.proves` is False) the difference is a share of the largest value.
    Raises ParityError where the module gives a value that is not finite, or where the shapes differ.
    """
    pairs = [(module(*inputs), exported(*inputs)) for inputs in input_sets]
    worst, lowest, matters = 0.0, 1.0, np.inf
    for index in range(len(pairs[0][0])):
        expected = [np.asarray(reference[index], dtype=np.float64) for reference, _ in pairs]
        actual = [np.asarray(outputs[index], dtype=np.float64) for _, outputs in pairs]
        if not all(np.isfinite(values).all() for values in expected):
            raise ParityError(f"output {index} of the module is not finite; nothing can be compared")
        if [values.shape for values in expected] != [values.shape for values in actual]:
            raise ParityError(
                f"output {index} has the shapes {[values.shape for values in actual]} in the file and "
                f"{[values.shape for values in expected]} in the module; no file was written"
            )
        largest = max((np.abs(values).max(initial=0) for values in expected), default=0.0)
        between = _largest_difference(expected)
        matters = min(matters, between / largest if largest > 0 else 0.0)
        scale = between if between >= MATTERS * largest else largest
        for one, other in zip(expected, actual, strict=True):
            worst = max(worst, _finite(np.abs(one - other).max(initial=0) / max(scale, 1e-30)))
            lengths = np.linalg.norm(one) * np.linalg.norm(other)
            lowest = min(lowest, float((one * other).sum() / lengths) if lengths > 0 else 1.0)
    return Parity(worst, lowest, matters, redrawn)


def _largest_difference(outputs: list[npt.NDArray[np.float64]]) -> float:
    """Between the rows of all sets where they have the same shape, else between the sets."""
    rows = [row for values in outputs for row in (values if values.ndim > 1 else [values])]
    alike = [row for row in rows if row.shape == rows[0].shape]
    return max((float(np.abs(row - alike[0]).max(initial=0)) for row in alike[1:]), default=0.0)


def _unit(embeddings: Array) -> npt.NDArray[np.float64]:
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-30))


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else np.inf
