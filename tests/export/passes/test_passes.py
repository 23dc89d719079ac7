"""All passes, one after the other."""

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from sface.errors import UsageError
from sface.export.passes import PASSES, run_passes
from sface.model_files.onnx_session import open_session

from .pass_check import batchnorm, build, change, check, floats, node, operators

RANDOM = np.random.default_rng(0)


def network() -> onnx.ModelProto:
    """Something for each pass: nothing says the shapes, and a weight is listed among the inputs."""
    generator = np.random.default_rng(1)
    first, one = batchnorm(generator, 8, "c", "n")
    last, two = batchnorm(generator, 8, "kept", "m")
    constants = {
        "w": generator.integers(-128, 127, (8, 3 * 9), dtype=np.int8),
        "s": floats(generator, 8, 3),
        "shape": np.array([8, 3, 3, 3]),
        "slope": generator.uniform(-0.5, 1, (8, 1, 1)).astype(np.float32),
        "linear": floats(generator, 8 * 16, 5),
        "one": np.full(5, 0.5, np.float32),
        "same": np.full(5, 0.5, np.float32),
    }
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["v"], axis=1, block_size=9),
        node("Reshape", ["v", "shape"], ["kernel"]),
        node("Conv", ["x", "kernel"], ["c"], pads=[1] * 4),
        first,
        node("PRelu", ["n", "slope"], ["p"]),
        node("PRelu", ["p", "slope"], ["q"]),
        node("Dropout", ["q"], ["kept"]),
        last,
        node("Flatten", ["m"], ["f"]),
        node("MatMul", ["f", "linear"], ["l"]),
        node("Add", ["l", "one"], ["o"]),
        node("Mul", ["o", "same"], ["y"]),
    ]
    model = build(nodes, constants | one | two, (2, 3, 4, 4), opset=21)
    del model.graph.value_info[:]
    return model


def test_all() -> None:
    rewritten = ["Conv", "Relu", "Conv", "Add"]
    after = check(run_passes, network(), floats(RANDOM, 2, 3, 4, 4))
    assert after == ["Conv", *rewritten, *rewritten, "Flatten", "MatMul", "Add", "Add", "Mul"]
    changed = change(run_passes, network())
    onnx.checker.check_model(changed, full_check=True)
    read = {name for node in changed.graph.node for name in node.input}
    assert {tensor.name for tensor in changed.graph.initializer} <= read


@pytest.mark.parametrize("name", PASSES)
def test_all_but_one(name: str) -> None:
    """Each can be left out, and each has something to do."""

    def run(model: ir.Model) -> None:
        run_passes(model, without=[name])

    model = network()
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "linear")
    model.graph.input.append(helper.make_tensor_value_info("linear", TensorProto.FLOAT, weight.dims))
    everything = change(run_passes, model)
    changed = change(run, model)
    assert changed.SerializeToString(deterministic=True) != everything.SerializeToString(deterministic=True)


def test_a_name_that_is_none() -> None:
    model = ir.serde.deserialize_model(network())
    with pytest.raises(UsageError, match=r"'fold_everything'; known: remove_initializers_from_inputs, .*rewrite_prelu"):
        run_passes(model, without=["fold_everything", "rewrite_prelu"])
    assert len(model.graph) == len(network().graph.node)


def test_twice_is_once() -> None:
    once = change(run_passes, network())
    assert operators(change(run_passes, once)) == operators(once)


def test_opencvs_file_gives_opencvs_features(shared: Path) -> None:
    """Its published SFace network, with block-quantised weights."""
    path = shared / "models" / "face_recognition_sface_2021dec_int8bq.onnx"
    model = ir.load(path)
    run_passes(model)
    kinds = Counter(node.op_type for node in model.graph)
    assert not {"PRelu", "DequantizeLinear", "BatchNormalization", "Dropout", "Reshape", "Constant"} & set(kinds)
    proto = ir.serde.serialize_model(model)
    onnx.checker.check_model(proto, full_check=True)
    session = open_session(proto.SerializeToString(), "the rewritten file", threads=1)
    (image,), (features,) = session.get_inputs(), session.get_outputs()
    assert (image.name, features.name) == ("data", "fc1")
    recognizer: Any = cv2.FaceRecognizerSF.create(str(path), "")
    for crop in RANDOM.integers(0, 256, (4, 112, 112, 3), np.uint8):
        theirs = recognizer.feature(crop)[0]
        ours = session.run(None, {"data": crop[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) >= 0.9999
