"""People as folders of photos, and galleries of them made by the command, for the tests of enroll and identify."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sface.cli.dispatch import main


def draw_people(root: Path, people: dict[str, int], photos: int) -> Path:
    """A folder per person with crops of 112x112 pixels: a person is a pattern, a crop that pattern with a little noise.

    people: name and number of the pattern
    """
    from PIL import Image

    for name, number in people.items():
        (root / name).mkdir(parents=True)
        for photo in range(photos):
            Image.fromarray(pattern(number, photo)).save(root / name / f"{photo}.png")
    return root


def pattern(person: int, photo: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(person).uniform(0, 255, (7, 7, 3)).repeat(16, axis=0).repeat(16, axis=1)
    noise = np.random.default_rng([person, photo]).normal(0, 10, coarse.shape)
    return np.asarray((coarse + noise).clip(0, 255).astype(np.uint8))


def told(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON object of `sface ARGUMENTS --json`."""
    capsys.readouterr()
    code = main([*map(str, arguments), "--json", "--quiet"])
    out, err = capsys.readouterr()
    assert err == ""
    fields: dict[str, Any] = json.loads(out)
    return code, fields
