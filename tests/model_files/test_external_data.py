"""Weights in other files are seen wherever they hide, and nothing else is taken for them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sface.align import load_detector
from sface.errors import ModelError
from sface.infer import FaceEmbedder
from sface.model_files.external_data import why_not_whole

from ..tiny_models import raw_metadata, write_model


def is_whole(data: bytes) -> bool:
    return why_not_whole(data) is None


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
    function = helper.make_function("d", "f", [], ["y"], [], [helper.make_opsetid("", 17)])
    function.attribute_proto.append(onnx.AttributeProto(name="a", type=onnx.AttributeProto.TENSOR, t=value))
    yield helper.make_model(graph([], []), functions=[function])
    listed = onnx.NodeProto(op_type="X", output=["y"])
    listed.attribute.append(onnx.AttributeProto(name="a", type=onnx.AttributeProto.TENSORS, tensors=[value]))
    yield helper.make_model(graph([listed], []))


@pytest.mark.parametrize("outside", [True, False])
def test_every_place_of_a_tensor(outside: bool) -> None:
    models = list(homes(tensor(outside)))
    assert len(models) == 9
    assert [is_whole(model.SerializeToString()) for model in models] == [not outside] * 9


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def test_bytes_that_hide_the_graph() -> None:
    """What Protocol Buffers skip or cut off, and a plain reader might stop at or not see."""
    (model, *_) = homes(tensor(outside=True))
    graph_bytes = model.graph.SerializeToString()
    group = varint(1000 << 3 | 3) + varint(1000 << 3 | 4)
    assert not is_whole(group + model.SerializeToString())
    assert not is_whole(varint(7 << 3 | 2 | 1 << 32) + varint(len(graph_bytes)) + graph_bytes)


def test_the_embedder_refuses_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write_model(tmp_path / "whole.onnx", metadata=raw_metadata())
    onnx.save(onnx.load(whole), tmp_path / "parts.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    monkeypatch.chdir(tmp_path)  # where onnxruntime would find the weights
    with pytest.raises(ModelError, match=r"parts\.onnx: keeps weights in other files"):
        FaceEmbedder(tmp_path / "parts.onnx")
    FaceEmbedder(whole)


def test_so_does_the_detector(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load(shared / "models" / "face_detection_yunet_2026may.onnx")
    onnx.save(model, tmp_path / "parts.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"parts\.onnx: keeps weights in other files"):
        load_detector(tmp_path / "parts.onnx")


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    is_whole(data)
    is_whole(b"\x3a" + bytes([len(data) % 128]) + data)  # as a graph


def test_a_file_cut_off_anywhere_is_not_whole(tmp_path: Path) -> None:
    data = write_model(tmp_path / "tiny.onnx").read_bytes()
    assert is_whole(data)
    cut = [is_whole(data[:end]) for end in range(1, len(data), len(data) // 200)]
    assert sum(cut) <= 3  # between two fields
