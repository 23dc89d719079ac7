"""Names, counts and shapes of the networks; what weights they begin with."""

import jittor as jt
import numpy as np
import pytest

from sface.models import NetworkConfig, build_network
from sface.models.networks import parameters, state

pytestmark = pytest.mark.jittor


@pytest.mark.parametrize(("embedding_size", "count"), [(128, 1_003_264), (512, 1_201_024)])
def test_parameter_counts_are_the_published(embedding_size: int, count: int) -> None:
    module = build_network(NetworkConfig("MobileFaceNet", embedding_size=embedding_size))
    assert sum(int(var.numel()) for var in parameters(module).values()) == count


def test_names_are_the_published() -> None:
    names = set(state(build_network(NetworkConfig("MobileFaceNet"))))
    assert len(names) == 284
    assert {
        "conv_1.conv2d.weight",
        "conv_1.batchnorm.running_mean",
        "conv_1.relu.weight",
        "conv_2_dw.batchnorm.bias",
        "dconv_23.conv_sep.conv2d.weight",
        "res_3.model.block3.conv_dw.relu.weight",
        "res_4.model.block5.conv_proj.batchnorm.running_var",
        "res_5.model.block1.conv_proj.conv2d.weight",
        "conv_6sep.relu.weight",
        "conv_6dw7_7.batchnorm.weight",
        "pre_fc1.weight",
        "pre_fc1.bias",
        "fc1.running_var",
    } <= names
    assert not any("conv_proj.relu" in name or "conv_6dw7_7.relu" in name for name in names)


def test_the_reference_weights_have_the_same_names(shared: object) -> None:
    """The state dict that the published code wrote; its pickle is searched for names, not loaded."""
    import pickletools
    import zipfile
    from pathlib import Path

    file = Path(str(shared)) / "models" / "reference_mobilefacenet512_celeba293.pth"
    with zipfile.ZipFile(file) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        strings = [argument for _, argument, _ in pickletools.genops(archive.read(member)) if isinstance(argument, str)]
    names = {text for text in strings if "." in text and " " not in text and not text.endswith("num_batches_tracked")}
    assert names == set(state(build_network(NetworkConfig("MobileFaceNet"))))


@pytest.mark.parametrize("input_size", [112, 224])
def test_shapes(input_size: int) -> None:
    module = build_network(NetworkConfig("MobileFaceNet", embedding_size=32, input_size=input_size))
    module.eval()
    images = jt.array(np.zeros((2, 3, input_size, input_size), dtype=np.float32))
    assert tuple(module(images).shape) == (2, 32)


def test_the_input_scale_is_part_of_the_network() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 112, 112)).astype(np.float32)
    outputs = []
    for scale, images in ((0.078125, image), (0.0078125, 127.5 + (image - 127.5) * 10)):
        module = build_network(NetworkConfig("MobileFaceNet", embedding_size=16, input_scale=scale))
        module.eval()
        outputs.append(module(jt.array(images)).numpy())
    assert outputs[0] == pytest.approx(outputs[1], rel=1e-3)


def test_initial_weights() -> None:
    """Normal with deviation 2 * sqrt(2 / fan_out); slopes 1, biases 0; a function of the seed alone."""
    module = build_network(NetworkConfig("MobileFaceNet"), seed=4)
    weights = {name: var.numpy() for name, var in state(module).items()}
    assert weights["conv_6sep.conv2d.weight"].std() == pytest.approx(2 * np.sqrt(2 / 512), rel=0.02)
    assert weights["conv_6dw7_7.conv2d.weight"].std() == pytest.approx(2 * np.sqrt(2 / (512 * 49)), rel=0.02)
    assert weights["pre_fc1.weight"].std() == pytest.approx(2 * np.sqrt(2 / 512), rel=0.02)
    assert (weights["conv_1.relu.weight"] == 1).all()
    assert (weights["pre_fc1.bias"] == 0).all()
    again = {name: var.numpy() for name, var in state(build_network(NetworkConfig("MobileFaceNet"), seed=4)).items()}
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    other = state(build_network(NetworkConfig("MobileFaceNet"), seed=5))["pre_fc1.weight"].numpy()
    assert not np.array_equal(weights["pre_fc1.weight"], other)
