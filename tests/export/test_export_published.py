"""Weights of the published code as ONNX files: `sface export FILE --net ...`."""

import hashlib
import json
import pickle
from pathlib import Path

import jittor as jt
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from sface.cli.dispatch import main
from sface.evaluate.crop_embedder import Embed
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.ten_fold_verification import pair_distances, verify
from sface.export.onnx_files.onnx_metadata import read_metadata
from sface.models import NetworkConfig, build_network
from sface.models.networks import state
from sface.models.weights.published import load_published

REFERENCE = "models/reference_mobilefacenet512_celeba293.pth"
REFERENCE_FLAGS = ["--net", "MobileFaceNet", "--embedding_size", "512", "--input_scale", "0.078125"]
SMALL_FLAGS = ["--net", "MobileFaceNet", "--embedding_size", "16", "--input_scale", "0.0078125"]
# Mean threshold of the ten folds of LFW, squared Euclidean distance.
THRESHOLD = 1.33
RIGHT = 111  # of the 128 pairs, at that threshold


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights as Jittor writes it."""
    module = build_network(NetworkConfig("MobileFaceNet", embedding_size=16), seed=2)
    content = pickle.dumps({name: var.numpy() for name, var in state(module).items()}, 4)
    path = tmp_path_factory.mktemp("weights") / "backbone.pkl"
    path.write_bytes(content + hashlib.sha1(content).digest() + b"HCAJSLHD")
    return path


def test_the_command(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.fixture(scope="module")
def backends(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embed]:
    """The published network in Jittor, and as the file that the command writes of it in onnxruntime."""
    file = tmp_path_factory.mktemp("reference") / "m.onnx"
    assert main(["export", str(shared / REFERENCE), "-o", str(file), *REFERENCE_FLAGS]) == 0
    module = load_published(shared / REFERENCE, NetworkConfig("MobileFaceNet", embedding_size=512))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def network_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)

    return {
        "jittor": lambda images: module(jt.array(network_input(images))).numpy(),
        "onnxruntime": lambda images: session.run(None, {"input": network_input(images)})[0],
    }


@pytest.fixture(scope="module")
def lfw(shared: Path) -> BinSet:
    return open_bin(shared / "faces_celeba293_112x112" / "lfw.bin")


def test_the_published_weights_on_a_part_of_lfw(backends: dict[str, Embed], lfw: BinSet) -> None:
    """64 genuine pairs and 64 impostor pairs, around the middle of the first fold."""
    same = lfw.same[236:364]
    assert same.sum() == 64
    distances = {name: pair_distances(embed, lfw, 236, 364)[0] for name, embed in backends.items()}
    assert np.abs(distances["jittor"] - distances["onnxruntime"]).max() <= 1e-4
    for values in distances.values():
        assert ((values < THRESHOLD) == same).sum() == RIGHT


@pytest.mark.hours
@pytest.mark.parametrize("name", ["jittor", "onnxruntime"])
def test_the_published_weights_on_lfw(name: str, backends: dict[str, Embed], lfw: BinSet) -> None:
    """83.18 % by the published code; a pair is 0.017 points."""
    assert verify(backends[name], lfw).accuracy == pytest.approx(0.8318, abs=0.0005)
