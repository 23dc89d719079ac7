"""A checkpoint as an ONNX file: the same function, in the promised form, or no file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jittor as jt
import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file, save_file

from sface.errors import CheckpointError, ParityError, StorageError, UsageError
from sface.export import check, export, read_metadata
from sface.export.parity.proof_crops import drawn_crops
from sface.files import sha256
from sface.infer import FaceEmbedder
from sface.models import NetworkConfig, load_checkpoint
from tests.test_files import largest_file

pytestmark = pytest.mark.jittor


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.asarray(drawn_crops(9, seed=2))


def changed(run_folder: Path, folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> Path:
    """A checkpoint with other weights, and a checksum that fits them."""
    checkpoint = Path(shutil.copytree(run_folder / "step-00000012", folder / "step-00000012"))
    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file)
    description = json.loads((checkpoint / "checkpoint.json").read_text())
    description["files"]["model.safetensors"] = sha256(file)
    (checkpoint / "checkpoint.json").write_text(json.dumps(description))
    return checkpoint


FIRST = "conv_1.batchnorm.weight"


def ignoring_its_input(run_folder: Path, folder: Path) -> Path:
    """A checkpoint whose first BatchNorm multiplies by 0."""
    return changed(run_folder, folder, lambda weights: weights[FIRST].fill(0))


def test_the_graph(model_file: Path) -> None:
    model = onnx.load(model_file)
    onnx.checker.check_model(model, full_check=True)
    operations = [node.op_type for node in model.graph.node]
    assert operations[:2] == ["Sub", "Mul"]
    assert "BatchNormalization" not in operations
    (input_,), (output,) = model.graph.input, model.graph.output
    assert [dim.dim_value or dim.dim_param for dim in input_.type.tensor_type.shape.dim] == ["batch", 3, 112, 112]
    assert [dim.dim_value or dim.dim_param for dim in output.type.tensor_type.shape.dim] == ["batch", 64]


def test_the_metadata(model_file: Path) -> None:
    metadata = read_metadata(model_file)
    assert metadata is not None
    assert (metadata.preprocess, metadata.input_size, metadata.input_scale) == ("raw", 112, 0.078125)
    assert (metadata.network, metadata.embedding_size) == ("MobileFaceNet", 64)
    assert metadata.loss == "SFace s=64, k=80, a=0.87, b=1.2"
    assert metadata.training_set == "six_people"
    assert metadata.threshold is None


@pytest.mark.parametrize("batch", [1, 2, 5, 9])
def test_it_computes_what_was_trained(batch: int, run_folder: Path, model_file: Path, crops: np.ndarray) -> None:
    module, _ = load_checkpoint(run_folder)
    x = np.ascontiguousarray(crops[:batch].transpose(0, 3, 1, 2), dtype=np.float32)
    expected = module(jt.array(x)).numpy()
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"input": x})
    assert actual.shape == (batch, 64)
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()


def test_the_same_features_in_opencv(model_file: Path, crops: np.ndarray) -> None:
    recognizer = cv2.FaceRecognizerSF.create(str(model_file), "")
    ours = FaceEmbedder(model_file).embed(crops).unit
    for crop, expected in zip(crops, ours, strict=True):
        feature = recognizer.feature(np.ascontiguousarray(crop[:, :, ::-1]))[0]
        assert np.abs(feature / np.linalg.norm(feature) - expected).max() <= 1e-5


def test_the_same_checkpoint_gives_the_same_bytes(run_folder: Path, model_file: Path, tmp_path: Path) -> None:
    export(run_folder, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == model_file.read_bytes()


def test_a_network_that_ignores_its_input_proves_nothing(run_folder: Path, tmp_path: Path) -> None:
    checkpoint = ignoring_its_input(run_folder, tmp_path)
    with pytest.raises(ParityError, match="nearly the same output for any input"):
        export(checkpoint, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_graph_that_differs_leaves_no_file(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sface.export.passes import PASSES, fold_batchnorm

    def spoil(model: object) -> None:
        """A pass that gets one weight slightly wrong."""
        original(model)  # type: ignore[arg-type]
        import onnx_ir as ir

        value = model.graph.initializers["conv_6sep.conv2d.weight"]  # type: ignore[attr-defined]
        array = value.const_value.numpy().copy()
        array[0] *= 1.1
        value.const_value = ir.tensor(array)

    original = fold_batchnorm.apply
    monkeypatch.setitem(PASSES, "fold_batchnorm", spoil)
    (tmp_path / "m.onnx").write_bytes(b"the old file")
    with pytest.raises(ParityError, match="the exported graph differs from the network"):
        export(run_folder, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [tmp_path / "m.onnx"]


def test_a_full_disk(run_folder: Path, tmp_path: Path) -> None:
    with largest_file(100_000), pytest.raises(StorageError, match=r"m\.onnx: could not be written"):
        export(run_folder, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights[FIRST].fill(np.nan), f"{FIRST} holds values that are not finite"),
        (lambda weights: weights.update({FIRST: weights[FIRST][:5]}), f"1 names or shapes differ, first {FIRST}"),
        (lambda weights: weights.pop(FIRST), f"1 names or shapes differ, first {FIRST}"),
    ],
    ids=["NaN", "shape", "name"],
)
def test_weights_that_do_not_fit(change: Any, words: str, run_folder: Path, tmp_path: Path) -> None:
    checkpoint = changed(run_folder, tmp_path, change)
    with pytest.raises(CheckpointError, match=words):
        export(checkpoint, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_checkpoint_that_was_cut_off(run_folder: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(run_folder / "step-00000012", tmp_path / "step-00000012"))
    weights = (checkpoint / "model.safetensors").read_bytes()
    (checkpoint / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: its sha256 is not the one in checkpoint\.json"):
        export(checkpoint, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_an_earlier_checkpoint_can_be_named(run_folder: Path, tmp_path: Path, model_file: Path) -> None:
    export(run_folder / "step-00000006", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() != model_file.read_bytes()


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a checkpoint nor a run"):
        export(tmp_path, tmp_path / "m.onnx")


def test_the_layer_with_which_a_difference_begins(run_folder: Path, model_file: Path, tmp_path: Path) -> None:
    """One weight of one layer in the middle of the file is another."""
    model = onnx.load(model_file)
    name = next(value.name for value in model.graph.initializer if value.name.startswith("res_4.model.block3.conv_dw"))
    weight = next(value for value in model.graph.initializer if value.name == name)
    array = onnx.numpy_helper.to_array(weight).copy()
    array[0] += 1
    weight.CopyFrom(onnx.numpy_helper.from_array(array, name))
    onnx.save(model, tmp_path / "m.onnx")
    report = tmp_path / "r.json"
    with pytest.raises(ParityError, match=r"the first layer that differs: res_4\.model\.block3\.conv_dw"):
        check(tmp_path / "m.onnx", run_folder, report=report)
    assert json.loads(report.read_text())["first_different_layer"].startswith("res_4.model.block3.conv_dw")


def test_a_run_is_exported_in_one_call(run_folder: Path, model_file: Path, tmp_path: Path) -> None:
    """Paths as text; what comes back says what was made of what."""
    written = export(str(run_folder), str(tmp_path / "m.onnx"), report=str(tmp_path / "r.json"))
    assert (written.path, written.checkpoint) == (tmp_path / "m.onnx", run_folder / "step-00000012")
    assert written.size == model_file.stat().st_size
    assert written.nodes == len(onnx.load(model_file).graph.node)
    assert written.metadata == read_metadata(model_file)
    assert written.parity.equal and written.parity.proves and written.precision is None
    assert json.loads((tmp_path / "r.json").read_text())["equal"] is True
    checked = check(str(tmp_path / "m.onnx"), str(run_folder))
    assert (checked.path, checked.checkpoint, checked.metadata) == (written.path, written.checkpoint, written.metadata)
    assert checked.parity == written.parity


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "tensorrt"}, "target tensorrt: must be one of onnxruntime, opencv"),
        ({"batch": 0}, "batch 0: must be 1 or more"),
        ({"without": ["fold"]}, "there is no pass 'fold'"),
        ({"network": NetworkConfig("IR_50")}, "is a checkpoint, which says so itself; leave it out"),
    ],
)
def test_a_wrong_call(options: Any, words: str, run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words) as error:
        export(run_folder, tmp_path / "m.onnx", **options)
    assert error.value.argument == next(iter(options))
    assert not list(tmp_path.iterdir())
