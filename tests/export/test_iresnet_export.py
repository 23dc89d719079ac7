"""Residual networks as ONNX files."""

from collections import Counter

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from sface.export.module_export import run_file, run_module, trace_module
from sface.export.onnx_files.serialize import serialize
from sface.export.parity.parity import embed_all, measure_embeddings
from sface.export.parity.proof_crops import random_crops
from sface.export.passes import fold_batchnorm
from sface.model_files.network_input import network_input
from sface.models import NetworkConfig
from sface.models.iresnet import IResNet
from sface.models.networks import init_weights, seed_dropout

pytestmark = pytest.mark.jittor


def network(squeeze: bool) -> IResNet:
    """One with a unit of each kind, with statistics, biases and slopes that matter: a BatchNorm that is folded into the
    padded convolution after it changes the border."""
    module = IResNet(NetworkConfig("IR_50", embedding_size=16), units=(2, 1, 1, 1), squeeze=squeeze)
    init_weights(module, 1)
    generator = np.random.default_rng(0)
    for layer in module.modules():
        if isinstance(layer, nn.PReLU):
            layer.weight.assign(jt.array(generator.uniform(-0.3, 1.2, layer.weight.shape).astype(np.float32)))
        elif isinstance(layer, nn.BatchNorm):
            layer.bias.assign(jt.array(generator.normal(0, 0.5, layer.bias.shape).astype(np.float32)))
            layer.momentum = 1.0
    module.train()
    seed_dropout(1, 0, 0)
    module(jt.array(network_input(random_crops(4, 112, seed=1)))).sync()
    module.eval()
    return module


@pytest.mark.parametrize("squeeze", [False, True], ids=["IR", "IR_SE"])
def test_equals_the_network(squeeze: bool) -> None:
    module = network(squeeze)
    model = trace_module(module, {"input": ((2, 3, 112, 112), "float32")}, None).model
    before = Counter(node.op_type for node in model.graph)
    fold_batchnorm.apply(model)
    after = Counter(node.op_type for node in model.graph)
    # Those in front of a unit and of dropout stay; the others are behind a convolution or the linear layer.
    assert before["BatchNormalization"] == 1 + 2 * 5 + 3 + 2
    assert after["BatchNormalization"] == 5 + 1
    assert (after["MaxPool"], after["GlobalAveragePool"]) == (1, 5 * squeeze)
    expected, exported = run_module(module), run_file(serialize(model))
    crops = [random_crops(7, 112)]
    parity = measure_embeddings(embed_all(lambda x: expected(x)[0], crops), lambda x: exported(x)[0], crops)
    assert parity.max_difference <= 1e-5
