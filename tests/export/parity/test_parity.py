"""The measurement itself: it must fail on what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sface.errors import ParityError
from sface.export.parity.parity import (
    Array,
    Parity,
    embed_all,
    in_batches,
    measure_embeddings,
    measure_outputs,
    raise_unless_equal,
)
from sface.export.parity.proof_crops import random_crops

MATRIX = np.random.default_rng(0).standard_normal((3 * 8 * 8, 16)).astype(np.float32)
CROPS = random_crops(7, 8)


def network(x: np.ndarray) -> np.ndarray:
    return np.asarray(x.reshape(len(x), -1) @ MATRIX)


def measured(of: Callable[[Array], Array], file: Callable[[Array], Array]) -> Parity:
    """Of a face network: raises where it is not equal."""
    parity = measure_embeddings(embed_all(of, [CROPS]), file, [CROPS])
    raise_unless_equal(parity, must_matter=True, first_difference=lambda: "layer 7")
    return parity


def test_equal_functions() -> None:
    parity = measured(network, network)
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
def test_different_functions(wrong: Callable[[Array], Array]) -> None:
    with pytest.raises(ParityError, match=r"differs from the network.*the first layer that differs: layer 7"):
        measured(network, wrong)


def test_a_difference_in_length_alone_is_none() -> None:
    """What is compared are unit vectors: all that a similarity sees."""
    assert measured(network, lambda x: network(x) + network(x)).max_difference <= 1e-6


def test_inputs_that_hardly_matter() -> None:
    def constant(x: np.ndarray) -> np.ndarray:
        return np.asarray(1000 + network(x) / 1e4)

    with pytest.raises(ParityError, match="nearly the same output for any input"):
        measured(constant, constant)


def test_a_network_that_gives_no_numbers() -> None:
    with pytest.raises(ParityError, match="not finite"):
        measured(lambda x: network(x) * np.inf, network)


def test_outputs_are_judged_by_what_the_input_changes() -> None:
    """A difference of 1e-4 of the largest value is a thousandth of what two inputs differ by: too much."""
    x = (np.random.default_rng(0).standard_normal((3, 4), dtype=np.float32),)

    def module(values: Array) -> list[Array]:
        return [10 + values / 4]

    assert measure_outputs(module, module, [x]).max_difference == 0
    worse = measure_outputs(module, lambda values: [output + 0.001 for output in module(values)], [x])
    assert not worse.equal
    assert 3e-4 < worse.max_difference < 3e-3


def test_each_output_is_compared() -> None:
    x = (np.random.default_rng(0).standard_normal((3, 4), dtype=np.float32),)
    right, wrong = (lambda values: [values, 2 * values]), (lambda values: [values, 2.01 * values])
    assert measure_outputs(right, right, [x]).equal
    assert not measure_outputs(right, wrong, [x]).equal


def test_outputs_of_another_shape() -> None:
    x = (np.ones((3, 4), dtype=np.float32),)
    with pytest.raises(ParityError, match=r"output 0 has the shapes \[\(3, 2\)\] in the file and \[\(3, 4\)\]"):
        measure_outputs(lambda values: [values], lambda values: [values[:, :2]], [x])


def test_the_report_is_written_also_where_it_fails(tmp_path: Path) -> None:
    parity = measure_embeddings(embed_all(network, [CROPS]), lambda x: network(x[::-1]), [CROPS])
    with pytest.raises(ParityError):
        raise_unless_equal(parity, must_matter=True, first_difference=lambda: "conv_1", report=tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["equal"] is False
    assert report["first_different_layer"] == "conv_1"
    assert report["max_difference"] > report["bound"] == 1e-4
    raise_unless_equal(
        measured(network, network), must_matter=True, first_difference=lambda: "x", report=tmp_path / "r.json"
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["equal"], report["first_different_layer"]) == (True, None)


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8])
def test_in_batches(rows: int) -> None:
    def of_four(x: np.ndarray) -> np.ndarray:
        assert len(x) == 4
        return np.asarray(x * 2)

    x = np.arange(rows, dtype=np.float32)[:, None]
    assert np.array_equal(in_batches(of_four, 4)(x), x * 2)
