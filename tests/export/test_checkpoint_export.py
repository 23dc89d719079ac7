"""A checkpoint as an ONNX file: the same function, in the promised form, or no file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jittor as jt
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from sface.cli.dispatch import main
from sface.datasets.synthetic.faces import draw_crops
from sface.errors import CheckpointError, ParityError, StorageError
from sface.export.checkpoint_export import check_file, export_network, open_trained
from sface.export.onnx_files.onnx_metadata import read_metadata
from sface.files import sha256
from sface.infer import FaceEmbedder
from sface.models import NetworkConfig, load_checkpoint
from sface.train import Resources, TrainConfig, train
from tests.test_files import largest_file


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.asarray(draw_crops(9, seed=2))


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
    export_network(open_trained(run_folder), tmp_path / "again.onnx", np.asarray(draw_crops(7, seed=1)))
    assert (tmp_path / "again.onnx").read_bytes() == model_file.read_bytes()


def test_a_network_that_ignores_its_input_proves_nothing(run_folder: Path, tmp_path: Path, crops: np.ndarray) -> None:
    checkpoint = ignoring_its_input(run_folder, tmp_path)
    with pytest.raises(ParityError, match="nearly the same output for any input"):
        export_network(open_trained(checkpoint), tmp_path / "m.onnx", crops)
    assert not (tmp_path / "m.onnx").exists()


def test_a_graph_that_differs_leaves_no_file(
    run_folder: Path, tmp_path: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        export_network(open_trained(run_folder), tmp_path / "m.onnx", crops)
    assert (tmp_path / "m.onnx").read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [tmp_path / "m.onnx"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights[FIRST].fill(np.nan), f"{FIRST} holds values that are not finite"),
        (lambda weights: weights.update({FIRST: weights[FIRST][:5]}), f"1 names or shapes differ, first {FIRST}"),
        (lambda weights: weights.pop(FIRST), f"1 names or shapes differ, first {FIRST}"),
    ],
    ids=["NaN", "shape", "name"],
)
def test_weights_that_do_not_fit(
    change: Any, words: str, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = changed(run_folder, tmp_path, change)
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "m.onnx")]) == 5
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_checkpoint_that_was_cut_off(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = Path(shutil.copytree(run_folder / "step-00000012", tmp_path / "step-00000012"))
    weights = (checkpoint / "model.safetensors").read_bytes()
    (checkpoint / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "m.onnx")]) == 5
    assert "model.safetensors: its sha256 is not the one in checkpoint.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_file_whose_weights_lie_elsewhere_is_not_checked(
    run_folder: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(onnx.load(model_file), tmp_path / "m.onnx", save_as_external_data=True, location="w.bin")
    assert main(["export", str(run_folder), "--check", str(tmp_path / "m.onnx")]) == 5
    assert "m.onnx: keeps its weights in other files" in capsys.readouterr().err


def test_a_place_that_is_none(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["export", str(run_folder), "-o", str(tmp_path / "file" / "m.onnx")]) == 6
    assert "could not be written" in capsys.readouterr().err


def test_a_full_disk(run_folder: Path, tmp_path: Path, crops: np.ndarray) -> None:
    with largest_file(100_000), pytest.raises(StorageError, match=r"m\.onnx: could not be written"):
        export_network(open_trained(run_folder), tmp_path / "m.onnx", crops)
    assert list(tmp_path.iterdir()) == []


def test_the_command(run_folder: Path, tmp_path: Path) -> None:
    """In a process of its own, where nobody has prepared Jittor's import."""
    file = tmp_path / "m.onnx"
    done = subprocess.run(
        [sys.executable, "-m", "sface", "export", str(run_folder), "-o", str(file), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout)
    assert fields["checkpoint"].endswith("step-00000012")
    assert fields["bytes"] == file.stat().st_size
    assert fields["parity"]["max_difference"] <= 1e-4
    assert fields["parity"]["min_cosine"] >= 0.99999
    assert fields["parity"]["input_matters"] >= 0.01


def test_a_network_for_larger_crops(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.mkdir()
    for index in range(8):
        Image.fromarray(draw_crops(1, seed=index, size=224)[0]).save(large / f"{index}.png")
    (large / "imgs.txt").write_text("".join(f"{index}.png {index // 4}\n" for index in range(8)))
    (large / "property").write_text("2,224,224\n")
    network = NetworkConfig("MobileFaceNet", embedding_size=16, input_size=224)
    config = TrainConfig(network=network, batch_size=4, max_steps=2, lr=0.01)
    train(config, Resources(large), tmp_path / "out")
    assert main(["export", str(tmp_path / "out"), "-o", str(tmp_path / "m.onnx")]) == 0
    assert FaceEmbedder(tmp_path / "m.onnx").input_size == 224


def test_an_earlier_checkpoint_can_be_named(run_folder: Path, tmp_path: Path, model_file: Path) -> None:
    export_network(open_trained(run_folder / "step-00000006"), tmp_path / "m.onnx", np.asarray(draw_crops(7, seed=1)))
    assert (tmp_path / "m.onnx").read_bytes() != model_file.read_bytes()


def test_a_folder_as_output(run_folder: Path, tmp_path: Path) -> None:
    assert main(["export", str(run_folder), "-o", str(tmp_path)]) == 2


def test_no_checkpoint(tmp_path: Path, crops: np.ndarray) -> None:
    with pytest.raises(CheckpointError, match="neither a checkpoint nor a run"):
        export_network(open_trained(tmp_path), tmp_path / "m.onnx", crops)


def test_for_opencv(run_folder: Path, tmp_path: Path, crops: np.ndarray) -> None:
    file = tmp_path / "m.onnx"
    assert main(["export", str(run_folder), "-o", str(file), "--target", "opencv"]) == 0
    model = onnx.load(file)
    assert "PRelu" in {node.op_type for node in model.graph.node}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    recognizer = cv2.FaceRecognizerSF.create(str(file), "")
    for crop, expected in zip(crops, FaceEmbedder(file).embed(crops).unit, strict=True):
        feature = recognizer.feature(np.ascontiguousarray(crop[:, :, ::-1]))[0]
        assert np.abs(feature / np.linalg.norm(feature) - expected).max() <= 1e-5


def test_a_target_that_is_none(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run_folder), "-o", str(tmp_path / "m.onnx"), "--target", "tensorrt"]) == 2
    assert "--target tensorrt: must be one of onnxruntime, opencv" in capsys.readouterr().err


def test_a_fixed_batch(run_folder: Path, model_file: Path, tmp_path: Path, crops: np.ndarray) -> None:
    file = tmp_path / "m.onnx"
    assert main(["export", str(run_folder), "-o", str(file), "--batch", "4"]) == 0
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [4, 3, 112, 112]
    assert session.get_outputs()[0].shape == [4, 64]
    free, fixed = (FaceEmbedder(path).embed(crops) for path in (model_file, file))
    assert np.abs(free.unit - fixed.unit).max() < 1e-6
    assert main(["export", str(run_folder), "-o", str(file), "--batch", "0"]) == 2


def test_unit_vectors(run_folder: Path, model_file: Path, tmp_path: Path, crops: np.ndarray) -> None:
    file = tmp_path / "m.onnx"
    assert main(["export", str(run_folder), "-o", str(file), "--unit_output"]) == 0
    x = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (output,) = session.run(["embedding"], {"input": x})
    assert np.abs(np.linalg.norm(output, axis=1) - 1).max() < 1e-6
    assert np.abs(output - FaceEmbedder(model_file).embed(crops).unit).max() < 1e-6


def test_passes_are_left_out(run_folder: Path, tmp_path: Path) -> None:
    call = ["export", str(run_folder), "-o", str(tmp_path / "m.onnx")]
    assert main([*call, "--without", "rewrite_prelu", "--without", "fold_batchnorm"]) == 0
    operations = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert {"PRelu", "BatchNormalization"} <= operations


def test_an_existing_file_is_checked(
    run_folder: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["export", str(run_folder), "--check"]
    assert main([*call, str(model_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parity"]["max_difference"] <= 1e-4
    earlier, report = tmp_path / "earlier.onnx", tmp_path / "report.json"
    export_network(open_trained(run_folder / "step-00000006"), earlier, np.asarray(draw_crops(7, seed=1)))
    assert main([*call, str(earlier), "--report", str(report)]) == 5
    assert "the first layer that differs: conv_1" in capsys.readouterr().err
    found = json.loads(report.read_text())
    assert found["equal"] is False
    assert found["first_different_layer"].startswith("conv_1")
    assert main([*call, str(tmp_path / "none.onnx")]) == 5
    assert main(["export", str(run_folder)]) == 2
    assert main(["export", str(run_folder), "--check", str(model_file), "-o", str(earlier)]) == 2


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
        check_file(tmp_path / "m.onnx", open_trained(run_folder), np.asarray(draw_crops(7, seed=1)), report)
    assert json.loads(report.read_text())["first_different_layer"].startswith("res_4.model.block3.conv_dw")
