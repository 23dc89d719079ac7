"""Checkpoints and files as networks to evaluate; calls that go wrong are in tests/cli/test_eval_command.py."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sface.errors import PreprocessError
from sface.evaluate.embedding_networks import open_networks
from sface.infer import FaceEmbedder

from ..tiny_models import raw_metadata, write_model

CROPS = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)


def test_a_file(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", metadata=raw_metadata(training_set="x" * 1000))
    (network,) = open_networks([str(path)], None, "auto")
    expected = FaceEmbedder(path).embed(CROPS)
    assert network.embed(CROPS) == pytest.approx(expected.unit * expected.lengths[:, None])
    description = network.description()
    assert description["training_set"].endswith("… (1,000 characters)")
    assert "threshold" not in description
    embedder = network.embedder(flip=False)
    assert (embedder.name, embedder.size, embedder.flip) == (str(path), 112, False)
    with pytest.raises(PreprocessError, match=r"^preprocess centered: all of these take raw input") as error:
        open_networks([path, path], "centered", "auto")
    assert error.value.argument == "preprocess"


def test_a_checkpoint_needs_neither_onnx_nor_export(run_folder: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "sys.modules.update(dict.fromkeys(['onnx', 'onnx_ir', 'onnxscript', 'onnxruntime', 'sface.export']))\n"
        "from sface.evaluate.embedding_networks import open_networks\n"
        "(network,) = open_networks([sys.argv[1]], None, 'auto')\n"
        "print(network.path.name, network.provider, network.metadata.network, network.metadata.loss)\n"
        "print(network.embed(np.zeros((3, 112, 112, 3), np.uint8)).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run_folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[-2:]
    assert first.startswith("step-00000012 Jittor MobileFaceNet SFace s=")
    assert second == "(3, 64)"
