"""Files that onnxruntime refuses as they were published, repaired and proven equal."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from sface.align.detectors.yunet import YuNet
from sface.datasets.synthetic.faces import draw_face
from sface.errors import ModelError, ParityError
from sface.export import detector_repair, repair_detector
from tests.tiny_models import write_graph

QUANTISED = "models/face_detection_yunet_2023mar_int8bq.onnx"
FULL = "models/face_detection_yunet_2026may.onnx"


def write_detector(path: Path) -> Path:
    """One convolution whose weights are whole numbers with a scale, for pictures of one size."""
    write_graph(
        path,
        [
            helper.make_node("DequantizeLinear", ["whole", "scale"], ["weight"]),
            helper.make_node("Conv", ["picture", "weight"], ["map"], strides=[32, 32]),
            helper.make_node("Reshape", ["map", "target"], ["scores"]),
        ],
        inputs=[("picture", TensorProto.FLOAT, [1, 3, 64, 64])],
        outputs=[("scores", TensorProto.FLOAT, [1, 4, 1])],
        weights={
            "whole": np.random.default_rng(0).integers(-9, 9, (1, 3, 32, 32)).astype(np.int8),
            "scale": np.array(1e-5, dtype=np.float32),
            "target": np.array([1, -1, 1]),
        },
    )
    model = onnx.load(path)
    model.opset_import[0].version = 21  # the plain evaluator has no DequantizeLinear before 19
    onnx.save(model, path)
    return path


def test_a_detector(tmp_path: Path) -> None:
    source, path = write_detector(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    repair_detector(source, path)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Conv", "Reshape"]
    old, new = (onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]) for file in (source, path))
    picture = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)
    (expected,), (given,) = (session.run(None, {"picture": picture}) for session in (old, new))
    assert np.abs(expected - given).max() < 1e-6
    (larger,) = new.run(None, {"picture": np.zeros((1, 3, 96, 160), np.float32)})
    assert larger.shape == (1, 15, 1)


def test_a_detector_that_changed_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_repair, "_evaluate", lambda proto, names, picture: [np.full((1, 12, 1), np.nan)])
    with pytest.raises(ParityError, match=r"a\.onnx: repaired, it differs by nan"):
        repair_detector(write_detector(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    assert not (tmp_path / "b.onnx").exists()


def test_what_is_no_detector(tmp_path: Path) -> None:
    source = write_graph(
        tmp_path / "a.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        inputs=[("x", TensorProto.FLOAT, [1, 8])],
        outputs=[("y", TensorProto.FLOAT, [1, 8])],
    )
    with pytest.raises(ModelError, match="a detector takes one"):
        repair_detector(source, tmp_path / "b.onnx")


def test_the_quantised_yunet_finds_what_the_other_finds(shared: Path, tmp_path: Path) -> None:
    repair_detector(shared / QUANTISED, tmp_path / "repaired.onnx")
    repaired, other = YuNet(tmp_path / "repaired.onnx"), YuNet(shared / FULL)
    photos = [np.asarray(draw_face(7, person, 0).image) for person in range(3)]
    for photo in photos:
        (found,), (expected,) = repaired.detect(photo), other.detect(photo)
        assert found.score == pytest.approx(expected.score, abs=0.02)
        assert np.abs(found.landmarks - expected.landmarks).max() < 0.02 * photo.shape[0]
