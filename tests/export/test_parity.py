"""The measurement itself: it must fail on what is wrong."""

import numpy as np
import pytest

from sface.errors import ParityError
from sface.export.parity import check_parity, random_crops

MATRIX = np.random.default_rng(0).standard_normal((3 * 8 * 8, 16)).astype(np.float32)


def network(x: np.ndarray) -> np.ndarray:
    return np.asarray(x.reshape(len(x), -1) @ MATRIX)


def test_equal_functions() -> None:
    parity = check_parity(network, network, [random_crops(7, 8)])
    assert parity.max_difference <= 1e-6
    assert parity.min_cosine >= 1 - 1e-9
    assert 0.01 < parity.input_matters < 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: network(x) + 0.001 * np.abs(network(x)).max(),
        lambda x: network(x[::-1]),
        lambda x: network(x) * np.nan,
        lambda x: network(x[:, ::-1]),
        lambda x: network(x) if len(x) < 7 else network(x) * np.linspace(1, 1.1, 16, dtype=np.float32),
    ],
    ids=["offset", "order of the batch", "not a number", "colour order", "large batches only"],
)
def test_different_functions(wrong: object) -> None:
    with pytest.raises(ParityError, match="differs from the network"):
        check_parity(network, wrong, [random_crops(7, 8)])  # type: ignore[arg-type]


def test_a_difference_in_length_alone_is_none() -> None:
    """What is compared are unit vectors: all that a similarity sees."""
    assert check_parity(network, lambda x: network(x) + network(x), [random_crops(7, 8)]).max_difference <= 1e-6


def test_inputs_that_hardly_matter() -> None:
    def constant(x: np.ndarray) -> np.ndarray:
        return np.asarray(1000 + network(x) / 1e4)

    with pytest.raises(ParityError, match="nearly the same output for any input"):
        check_parity(constant, constant, [random_crops(7, 8)])


def test_a_network_that_gives_no_numbers() -> None:
    with pytest.raises(ParityError, match="not finite"):
        check_parity(lambda x: network(x) * np.inf, network, [random_crops(7, 8)])
