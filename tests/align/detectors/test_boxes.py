"""Of boxes that overlap, the best one stays."""

import cv2
import numpy as np

from sface.align.detectors.boxes import suppress


def test_equals_opencvs_suppression() -> None:
    generator = np.random.default_rng(0)
    corner, size = generator.uniform(0, 100, (300, 2)), generator.uniform(20, 60, (300, 2))
    scores = generator.permutation(300).astype(np.float32) / 300
    expected = cv2.dnn.NMSBoxes(np.hstack([corner, size]).tolist(), scores.tolist(), 0.0, 0.3)
    boxes = np.hstack([corner, corner + size]).astype(np.float32)
    assert suppress(boxes, scores, 0.3).tolist() == list(expected)


def test_a_box_within_a_box_goes_by_the_smaller_one() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60], [200, 0, 300, 100]], dtype=np.float32)
    scores = np.array([0.8, 0.9, 0.7], dtype=np.float32)
    assert suppress(boxes, scores, 0.7).tolist() == [1, 0, 2]
    assert suppress(boxes, scores, 0.7, of_smaller=True).tolist() == [1, 2]


def test_no_boxes() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).shape == (0,)
