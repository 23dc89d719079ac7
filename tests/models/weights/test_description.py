"""What the model file of a network says of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import sface
from sface.models import Checkpoint, NetworkConfig, describe, describe_checkpoint
from sface.train import HeadConfig, TeacherConfig, TrainConfig

NETWORK = NetworkConfig("MobileFaceNet", embedding_size=64, input_scale=0.0078125)


def test_a_network() -> None:
    metadata = describe(NETWORK)
    assert (metadata.preprocess, metadata.template, metadata.network) == ("raw", "arcface-112", "MobileFaceNet")
    assert (metadata.embedding_size, metadata.input_size, metadata.input_scale) == (64, 112, 0.0078125)
    assert (metadata.loss, metadata.training_set, metadata.sface_version) == ("", "", sface.__version__)
    assert describe(NETWORK, loss="SFace", training_set="mine").training_set == "mine"


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({}, "SFace s=64, k=80, a=0.87, b=1.2"),
        ({"head": HeadConfig("CosFace", margin=0.35)}, "CosFace s=64, margin=0.35"),
        ({"head": HeadConfig("Softmax")}, "Softmax"),
        ({"teacher": TeacherConfig("large.onnx", "ab12")}, "distilled from large.onnx (sha256 ab12)"),
    ],
)
def test_a_checkpoint(changes: dict[str, Any], loss: str) -> None:
    training = TrainConfig(network=NETWORK, **changes).to_dict()
    checkpoint = Checkpoint(Path("step-00000001"), NETWORK, {"training": training, "data": {"name": "faces"}})
    assert asdict(describe_checkpoint(checkpoint)) == asdict(describe(NETWORK, loss=loss, training_set="faces"))
