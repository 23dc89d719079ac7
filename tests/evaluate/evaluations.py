"""Evaluations for tests: drawn similarities, measured by the real functions."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sface.evaluate.evaluated_model import EvaluatedModel, EvaluatedSet
from sface.evaluate.figures.comparisons import Comparisons
from sface.evaluate.figures.figures import Accuracy, Estimate, RobustnessRow, Source
from sface.evaluate.figures.measure import measure
from sface.evaluate.protocols.protocol_result import Pictures
from sface.evaluate.report.evaluation_file import EvaluationRecord, read_evaluations

DRAWS = 20
SHA256 = "ab" * 32
METADATA = {"preprocess": "raw", "network": "MobileFaceNet", "training_set": "", "threshold": "0.3"}


def drawn_comparisons(
    name: str = "lfw", *, pairs: int = 400, apart: float = 0.5, failed: int = 0, folds: bool = True, seed: int = 0
) -> Comparisons:
    """As many pairs, half of them genuine, whose mean similarities are `apart`; the first `failed` of both kinds could
    not be compared.
    """
    generator = np.random.default_rng(seed)
    same = np.arange(pairs) % 2 == 0
    similarity = np.clip(generator.normal(0.1 + apart * same, 0.15), -1, 1)
    similarity[: 2 * failed] = np.nan
    first = generator.integers(0, 1 + pairs // 4, pairs)
    people = np.stack([first, np.where(same, first, 1 + pairs // 4 + first)], axis=1).astype(np.int32)
    ten_folds = np.arange(pairs) if folds else None
    protocol = f"{name} as drawn"
    return Comparisons(name, protocol, similarity, same, people, ten_folds, 2 * pairs, 2 * failed, 21.5)


def drawn_crop(number: int, size: int = 112) -> NDArray[np.uint8]:
    """A crop of its number's own colour, uint8 (size, size, 3) RGB."""
    return np.full((size, size, 3), (40 + number * 37 % 200, 40 + number * 59 % 200, 40 + number * 83 % 200), np.uint8)


def drawn_pictures(pair: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The crops of a pair."""
    return drawn_crop(2 * pair), drawn_crop(2 * pair + 1)


def evaluated_set(
    comparisons: Comparisons,
    *,
    threshold: float | None = None,
    source: Source = "file",
    pictures: Pictures | None = drawn_pictures,
    robustness: tuple[RobustnessRow, ...] = (),
) -> EvaluatedSet:
    """A set and its figures."""
    figures = measure(comparisons, threshold=threshold, source=source, draws=DRAWS)
    return EvaluatedSet(comparisons, figures, pictures, robustness)


def evaluated_model(
    *sets: EvaluatedSet, name: str = "face.onnx", detector: str = "aligned", metadata: Mapping[str, str] | None = None
) -> EvaluatedModel:
    """A model that was measured on these sets."""
    command = f"sface eval {name} --data faces --report report.html"
    fields = METADATA if metadata is None else metadata
    return EvaluatedModel(name, "5f" * 32, "CPUExecutionProvider", fields, detector, True, command, "0.1.0", sets)


def robustness_rows(clean: Accuracy, *falls: float) -> tuple[RobustnessRow, ...]:
    """A clean row, and one of each fall of accuracy: blur of rising sigma."""
    rows = [RobustnessRow("none", "", clean, Estimate(0.0, 0.0, 0.0))]
    for sigma, fall in enumerate(falls, 1):
        lower = {field: getattr(clean, field) - fall for field in ("value", "low", "high")}
        change = Estimate(-fall, -fall - 0.01, -fall + 0.01)
        rows.append(RobustnessRow("blur", f"sigma {sigma} px", dataclasses.replace(clean, **lower), change))
    return tuple(rows)


def printed_evaluation(**fields: Any) -> dict[str, Any]:
    """What `sface eval --json` prints of drawn pairs, but for these fields."""
    figures = measure(drawn_comparisons(pairs=201, failed=1), threshold=0.25, source="published", draws=200)
    return {
        "model": "model.onnx",
        "model_sha256": SHA256,
        "command": "sface eval model.onnx --data sets --json",
        "version": "0.1.0",
        "detector": "aligned",
        "flip": True,
        "targets": {"lfw": json.loads(json.dumps(figures.to_dict()))},
        **fields,
    }


def write_evaluations(path: Path, values: Any) -> Path:
    """A file as that of `sface eval --json`."""
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def read_evaluation(path: Path, values: Any) -> EvaluationRecord:
    """The one evaluation of `values`, written and read again."""
    (evaluation,) = read_evaluations(write_evaluations(path, values))
    return evaluation
