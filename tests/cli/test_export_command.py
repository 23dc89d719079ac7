"""`sface export`: a checkpoint or published weights as an ONNX file, what the options do, what is refused."""

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from sface.cli.dispatch import main
from sface.export import export, read_metadata
from sface.export.parity.proof_crops import drawn_crops
from sface.infer import FaceEmbedder
from sface.models import NetworkConfig, build_network
from sface.models.networks import state
from sface.train import Resources, TrainConfig, train

pytestmark = pytest.mark.jittor

SMALL_FLAGS = ["--net", "MobileFaceNet", "--embedding_size", "16", "--input_scale", "0.0078125"]


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.asarray(drawn_crops(9, seed=2))


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
        Image.fromarray(drawn_crops(1, seed=index, size=224)[0]).save(large / f"{index}.png")
    (large / "imgs.txt").write_text("".join(f"{index}.png {index // 4}\n" for index in range(8)))
    (large / "property").write_text("2,224,224\n")
    network = NetworkConfig("MobileFaceNet", embedding_size=16, input_size=224)
    config = TrainConfig(network=network, batch_size=4, max_steps=2, lr=0.01)
    train(config, Resources(large), tmp_path / "out")
    assert main(["export", str(tmp_path / "out"), "-o", str(tmp_path / "m.onnx")]) == 0
    assert FaceEmbedder(tmp_path / "m.onnx").input_size == 224


def test_a_folder_as_output(run_folder: Path, tmp_path: Path) -> None:
    assert main(["export", str(run_folder), "-o", str(tmp_path)]) == 2


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
    export(run_folder / "step-00000006", earlier)
    assert main([*call, str(earlier), "--report", str(report)]) == 5
    assert "the first layer that differs: conv_1" in capsys.readouterr().err
    found = json.loads(report.read_text())
    assert found["equal"] is False
    assert found["first_different_layer"].startswith("conv_1")
    assert main([*call, str(tmp_path / "none.onnx")]) == 5
    assert main(["export", str(run_folder)]) == 2
    assert main(["export", str(run_folder), "--check", str(model_file), "-o", str(earlier)]) == 2


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights as Jittor writes it."""
    module = build_network(NetworkConfig("MobileFaceNet", embedding_size=16), seed=2)
    content = pickle.dumps({name: var.numpy() for name, var in state(module).items()}, 4)
    path = tmp_path_factory.mktemp("weights") / "backbone.pkl"
    path.write_bytes(content + hashlib.sha1(content).digest() + b"HCAJSLHD")
    return path


def test_weights_of_the_published_code(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.onnx"
    assert main(["export", str(weights), "-o", str(file), *SMALL_FLAGS, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["checkpoint"] == str(weights)
    assert fields["parity"]["max_difference"] <= 1e-4
    metadata = read_metadata(file)
    assert metadata is not None
    assert (metadata.network, metadata.embedding_size, metadata.input_size) == ("MobileFaceNet", 16, 112)
    assert metadata.input_scale == 0.0078125
    assert (metadata.loss, metadata.training_set) == ("", "")


def test_every_flag_is_used(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another network, embedding or input size does not fit; of another scale the embedding differs."""
    call = ["export", str(weights), "-o", str(tmp_path / "m.onnx"), *SMALL_FLAGS]
    for other in (["--net", "IR_50"], ["--embedding_size", "32"], ["--input_size", "224"]):
        assert main([*call, *other]) == 5
        assert "backbone.pkl: does not fit" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 112, 112)).astype(np.float32)
    outputs = []
    for scale in ("0.0078125", "0.078125"):
        assert main([*call, "--input_scale", scale]) == 0
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {"input": x})[0])
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1 * np.abs(outputs[0]).max()


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_flag_is_missing(missing: int, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = SMALL_FLAGS[:missing] + SMALL_FLAGS[missing + 2 :]
    assert main(["export", str(weights), "-o", str(tmp_path / "m.onnx"), *flags]) == 2
    assert f"backbone.pkl: a file of weights does not carry {SMALL_FLAGS[missing]}" in capsys.readouterr().err


def test_a_checkpoint_needs_no_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flag, value in zip(SMALL_FLAGS[0::2], SMALL_FLAGS[1::2], strict=True):
        assert main(["export", str(tmp_path), "-o", str(tmp_path / "m.onnx"), flag, value]) == 2
        assert f"{flag}: {tmp_path} is a checkpoint" in capsys.readouterr().err


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "no.pth"), "-o", str(tmp_path / "m.onnx"), *SMALL_FLAGS]) == 5
    assert "no.pth: can't be read (No such file or directory)" in capsys.readouterr().err
