"""Weights in other files are seen wherever they hide, and nothing else is taken for them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sface.errors import ModelError
from sface.infer import FaceEmbedder
from sface.infer.external_data import has_external_data

from ..tiny_models import raw_metadata, write_model


def graph(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> onnx.GraphProto:
    return helper.make_graph(nodes, "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], weights)


def tensor(outside: bool) -> onnx.TensorProto:
    value = numpy_helper.from_array(np.ones(1000, np.float32), "w")
    if outside:
        value.ClearField("raw_data")
        value.data_location = TensorProto.EXTERNAL
        entry = value.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    return value


def homes(value: onnx.TensorProto) -> Iterator[onnx.ModelProto]:
    """Models that hold a tensor in every place that ONNX has for one."""
    constant = helper.make_node("Constant", [], ["y"], value=value)
    yield helper.make_model(graph([], [value]))
    yield helper.make_model(graph([constant], []))
    yield helper.make_model(graph([helper.make_node("If", ["c"], ["y"], then_branch=graph([constant], []))], []))
    yield helper.make_model(graph([helper.make_node("If", ["c"], ["y"], then_branch=graph([], [value]))], []))
    sparse = onnx.SparseTensorProto(values=value, indices=numpy_helper.from_array(np.arange(3)), dims=[9])
    inside = graph([], [])
    inside.sparse_initializer.append(sparse)
    yield helper.make_model(inside)
    yield helper.make_model(graph([helper.make_node("Constant", [], ["y"], sparse_value=sparse)], []))
    function = helper.make_function("d", "f", [], ["y"], [constant], [helper.make_opsetid("", 17)])
    yield helper.make_model(graph([], []), functions=[function])
    listed = onnx.NodeProto(op_type="X", output=["y"])
    listed.attribute.append(onnx.AttributeProto(name="a", type=onnx.AttributeProto.TENSORS, tensors=[value]))
    yield helper.make_model(graph([listed], []))


@pytest.mark.parametrize("outside", [True, False])
def test_every_place_of_a_tensor(outside: bool) -> None:
    models = list(homes(tensor(outside)))
    assert len(models) == 8
    assert [has_external_data(model.SerializeToString()) for model in models] == [outside] * 8


def test_the_embedder_refuses_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write_model(tmp_path / "whole.onnx", metadata=raw_metadata())
    onnx.save(onnx.load(whole), tmp_path / "parts.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    monkeypatch.chdir(tmp_path)  # where onnxruntime would find the weights
    with pytest.raises(ModelError, match=r"parts\.onnx: keeps weights in other files"):
        FaceEmbedder(tmp_path / "parts.onnx")
    FaceEmbedder(whole)


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    has_external_data(data)
    has_external_data(b"\x3a" + bytes([len(data) % 128]) + data)  # as a graph


def test_a_file_cut_off_anywhere_has_an_answer(tmp_path: Path) -> None:
    data = write_model(tmp_path / "tiny.onnx").read_bytes()
    for end in range(0, len(data), len(data) // 200):
        assert has_external_data(data[:end]) is False
