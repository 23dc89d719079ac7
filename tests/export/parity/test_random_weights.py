"""A copy of a module with other weights."""

import numpy as np
import pytest
from jittor import nn

from sface.export.parity.random_weights import with_random_weights

pytestmark = pytest.mark.jittor


def test_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Conv(3, 4, 3), nn.BatchNorm(4), nn.PReLU(4))
    before = {name: var.numpy() for name, var in module.named_parameters()}
    other = with_random_weights(module, (np.ones((2, 3, 8, 8), np.float32),))
    assert all(np.array_equal(var.numpy(), before[name]) for name, var in module.named_parameters())
    after = {name: var.numpy() for name, var in other.named_parameters()}
    assert not any(np.array_equal(after[name], before[name]) for name in before)
