"""The classification networks of `jittor.models`, and ours, each as a file at batch 1 and 3."""

from pathlib import Path

import jittor.models as zoo
import numpy as np
import onnxruntime
import pytest

from sface.export import to_onnx
from sface.export.module_export import ModuleExport
from sface.export.parity.random_weights import with_random_weights
from sface.models import NetworkConfig, build_network
from sface.models.network_config import NETWORKS

pytestmark = pytest.mark.jittor

# A small one of each family; the others differ in depth and width alone.
QUICK = ("alexnet", "resnet18", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "mnasnet0_5")
SLOW = (
    *("densenet121", "densenet161", "densenet169", "densenet201", "googlenet", "inception_v3", "mnasnet0_75"),
    *("mnasnet1_0", "mnasnet1_3", "res2net50", "res2net101", "resnet26", "resnet34", "resnet38", "resnet50"),
    *("resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2"),
    *("shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
)


def proven(written: ModuleExport) -> bool:
    parity = written.parity
    return parity is not None and parity.proves and parity.max_difference <= 1e-4


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.hours) for name in SLOW)])
def test_equals_jittor(name: str, tmp_path: Path) -> None:
    side = 299 if name == "inception_v3" else 224
    example = np.random.default_rng(0).standard_normal((2, 3, side, side)).astype(np.float32)
    written = to_onnx(getattr(zoo, name)(), example, tmp_path / "m.onnx")
    assert proven(written)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"input": example})[0].shape == (2, 1000)


@pytest.mark.parametrize(
    "name", [name if name == "MobileFaceNet" else pytest.param(name, marks=pytest.mark.hours) for name in NETWORKS]
)
def test_ours(name: str, tmp_path: Path) -> None:
    example = np.random.default_rng(0).integers(0, 256, (3, 3, 112, 112)).astype(np.float32)
    module = with_random_weights(build_network(NetworkConfig(name)), (example,))
    assert proven(to_onnx(module, example, tmp_path / "m.onnx"))
