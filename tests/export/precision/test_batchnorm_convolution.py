"""BatchNormalization as a depthwise convolution: the same function, and only where it can be one."""

import numpy as np

from sface.export.precision.batchnorm_convolution import batchnorm_to_convolution

from ..passes.pass_check import batchnorm, build, check, floats, node

RANDOM = np.random.default_rng(0)


def test_the_same_function() -> None:
    last, statistics = batchnorm(RANDOM, 4, "a", "y")
    model = build([node("Relu", ["x"], ["a"]), last], statistics, ["N", 4, 5, 3])
    assert check(batchnorm_to_convolution, model, floats(RANDOM, 2, 4, 5, 3), tolerance=1e-6) == ["Relu", "Conv"]


def test_other_shapes_stay() -> None:
    last, statistics = batchnorm(RANDOM, 4, "x", "y")
    for shape in ((2, 4), (2, 4, 5), (2, 4, 2, 3, 2)):
        model = build([last], statistics, shape)
        assert check(batchnorm_to_convolution, model, floats(RANDOM, *shape)) == ["BatchNormalization"]


def test_statistics_that_are_not_constant_stay() -> None:
    last, statistics = batchnorm(RANDOM, 4, "x", "y")
    scale = last.input[1]
    mean = [node("ReduceMean", ["x"], [scale], axes=[0, 2, 3], keepdims=0)]
    del statistics[scale]
    model = build([*mean, last], statistics, [2, 4, 3, 3])
    assert check(batchnorm_to_convolution, model, floats(RANDOM, 2, 4, 3, 3)) == ["ReduceMean", "BatchNormalization"]
