"""Weights of the published code as ONNX files: where they come from, and that they are what was published."""

from pathlib import Path

import jittor as jt
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from sface.errors import CheckpointError, UsageError
from sface.evaluate.crop_embedder import Embed
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.ten_fold_verification import pair_distances, verify
from sface.export import export
from sface.export.network_source import open_source
from sface.models import NetworkConfig
from sface.models.weights.published import load_published

pytestmark = pytest.mark.jittor

REFERENCE = "models/reference_mobilefacenet512_celeba293.pth"
NETWORK = NetworkConfig("MobileFaceNet", embedding_size=512, input_scale=0.078125)
# Mean threshold of the ten folds of LFW, squared Euclidean distance.
THRESHOLD = 1.33
RIGHT = 111  # of the 128 pairs, at that threshold


def test_a_file_of_weights_needs_its_network(tmp_path: Path) -> None:
    (tmp_path / "w.pth").touch()
    with pytest.raises(UsageError, match=r"w\.pth: a file of weights does not say which network it is of"):
        open_source(tmp_path / "w.pth", None)
    source = open_source(str(tmp_path / "w.pth"), NETWORK)
    assert (source.path, source.metadata.network, source.metadata.loss) == (tmp_path / "w.pth", "MobileFaceNet", "")
    with pytest.raises(CheckpointError, match=r"w\.pth"):
        source.load()


def test_a_checkpoint_says_it_itself(run_folder: Path) -> None:
    source = open_source(run_folder, None)
    assert (source.path, source.metadata.embedding_size) == (run_folder / "step-00000012", 64)
    with pytest.raises(UsageError, match=r"network: .* is a checkpoint"):
        open_source(run_folder, NETWORK)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        open_source(run_folder / "none", None)


@pytest.fixture(scope="module")
def backends(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embed]:
    """The published network in Jittor, and as the file that is exported of it in onnxruntime."""
    file = tmp_path_factory.mktemp("reference") / "m.onnx"
    export(shared / REFERENCE, file, network=NETWORK)
    module = load_published(shared / REFERENCE, NETWORK)
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
