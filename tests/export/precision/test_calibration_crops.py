"""Face crops read from pictures and training sets."""

from pathlib import Path

import cv2
import numpy as np

from sface.export.parity.proof_crops import drawn_crops
from sface.export.precision.calibration_crops import CROPS, evenly, read_crops


def test_crops_of_a_training_set(tmp_path: Path) -> None:
    """Evenly from all people, without what is damaged."""
    crops = drawn_crops(12, seed=3, size=16)
    for index, crop in enumerate(crops):
        person = tmp_path / f"p{index // 3}"
        person.mkdir(exist_ok=True)
        cv2.imwrite(str(person / f"{index}.png"), np.ascontiguousarray(crop[:, :, ::-1]))
    (tmp_path / "p1" / "4.png").write_bytes(b"damaged")
    found = read_crops(tmp_path)
    order = sorted(range(12), key=lambda index: (index // 3, str(index)))
    assert np.array_equal(found, crops[[index for index in order if index != 4]])


def test_evenly() -> None:
    assert list(evenly(0, 3)) == []
    assert list(evenly(3, 5)) == [0, 1, 2]
    assert list(evenly(9, 3)) == [0, 4, 8]
    assert len(set(evenly(10 * CROPS + 7, CROPS))) == CROPS
