"""What several tests of evaluations use."""

import json
from typing import Any

import numpy as np
import pytest

from sface.evaluate.comparisons import Comparisons
from sface.evaluate.measure import measure

from .evaluations import SHA256


@pytest.fixture(scope="session")
def evaluated() -> dict[str, Any]:
    """What an evaluation prints, of a small made-up set."""
    generator = np.random.default_rng(0)
    same = np.tile([True, False], 100)
    people = np.stack([np.arange(200) % 40, np.where(same, np.arange(200) % 40, (np.arange(200) + 7) % 40)], axis=1)
    similarity = np.where(same, 0.5, 0.0) + generator.normal(0, 0.15, 200)
    similarity[4] = np.nan
    comparisons = Comparisons("lfw", "a protocol", similarity, same, people.astype(np.int32), np.arange(200), 400, 1)
    fields: dict[str, Any] = measure(comparisons, threshold=0.25, source="published", draws=200).to_dict()
    return {
        "model": "model.onnx",
        "model_sha256": SHA256,
        "command": "sface eval model.onnx --data sets --json",
        "version": "0.1.0",
        "detector": "aligned",
        "flip": True,
        "targets": {"lfw": json.loads(json.dumps(fields))},
    }
