"""Heads by name."""

import numpy as np
import pytest

from sface.models.networks import init_weight, parameters
from sface.train.config import HEADS, HeadConfig
from sface.train.heads.build import build_head
from sface.train.heads.sface_head import SFaceHead
from sface.train.heads.softmax_heads import MarginHead, SoftmaxHead

pytestmark = pytest.mark.jittor


@pytest.mark.parametrize(
    ("name", "kind"), [("SFace", SFaceHead), ("ArcFace", MarginHead), ("CosFace", MarginHead), ("Softmax", SoftmaxHead)]
)
def test_each_name_is_its_own_head(name: str, kind: type) -> None:
    assert type(build_head(HeadConfig(name), 5, 4, seed=0)) is kind


@pytest.mark.parametrize("name", HEADS)
def test_the_weight_is_a_function_of_the_seed(name: str) -> None:
    trained = parameters(build_head(HeadConfig(name), 7, 4, seed=3))
    assert list(trained) == ["weight"]
    assert np.array_equal(trained["weight"].numpy(), init_weight(np.random.default_rng([3, 1]), (7, 4)))
