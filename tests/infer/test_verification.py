"""The decision on two photos in words, and all that it rests on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sface.infer import FaceVerifier, Verification

from ..tiny_models import raw_metadata, write_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny.onnx", metadata=raw_metadata())


def test_a_verification_says_all_that_it_rests_on(tiny: Path, drawn_photos: list[Path]) -> None:
    a, b = drawn_photos[:2]
    verifier = FaceVerifier(tiny, detector="mtcnn", threshold=0.25)
    fields = json.loads(json.dumps(verifier.verify(a, b).to_dict(), allow_nan=False))
    assert fields["same"] is True
    assert fields["similarity"] >= 0.25
    assert fields["threshold"] == 0.25
    assert fields["threshold_source"] == "given"
    assert fields["fmr"] is None
    assert fields["threshold_set"] is None
    assert fields["detector"] == "mtcnn"
    assert fields["model"] == str(verifier.embedder.path)
    assert fields["model_sha256"] == verifier.embedder.sha256
    assert set(fields["timings"]) == {"read", "detect", "align", "embed"}
    assert all(0 < milliseconds < 60_000 for milliseconds in fields["timings"].values())
    for face, path in zip(fields["faces"], (a, b), strict=True):
        assert face["photo"] == str(path)
        left, top, right, bottom = face["box"]
        points = np.array(face["landmarks"])
        assert points.shape == (5, 2)
        assert ((points > [left, top]) & (points < [right, bottom])).all()
        assert 0.5 < face["score"] <= 1
        assert face["found"] >= 1


def test_a_verification_in_words(tiny: Path, drawn_photos: list[Path]) -> None:
    a = drawn_photos[0]
    base = FaceVerifier(tiny, detector="mtcnn").verify(a, a)

    def words(**fields: object) -> str:
        changed: Verification = replace(base, **fields)  # type: ignore[arg-type]
        return str(changed)

    measured = {"threshold_source": "file", "fmr": 0.001, "threshold_set": "SET"}
    assert words() == "SAME 1.00 >= 0.36 (cosine; uncalibrated)"
    assert words(similarity=0.7123, **measured) == (
        "SAME 0.71 >= 0.36 (cosine; threshold for FMR 0.1 % measured on SET)"
    )
    assert words(same=False, similarity=-0.12, threshold_source="given") == (
        "DIFFERENT -0.12 < 0.36 (cosine; threshold given)"
    )
    assert words(same=False, similarity=0.3596) == "DIFFERENT 0.3596 < 0.3600 (cosine; uncalibrated)"
    assert words(similarity=0.36) == "SAME 0.36 >= 0.36 (cosine; uncalibrated)"
    assert repr(base) == "<Verification: SAME 1.00 >= 0.36 (cosine; uncalibrated)>"
