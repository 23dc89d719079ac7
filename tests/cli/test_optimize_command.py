"""`sface optimize`: anybody's face network, faster and equal, or a clear word why not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sface.cli.dispatch import main
from sface.export import read_metadata
from sface.export.parity.proof_crops import drawn_crops
from sface.export.precision.calibration_crops import read_crops
from sface.infer import FaceEmbedder
from sface.model_files.metadata import ModelMetadata
from tests.test_files import largest_file
from tests.tiny_models import raw_metadata, write_graph, write_model

PUBLISHED = "models/face_recognition_sface_2021dec_int8bq.onnx"


def run(path: Path, rows: int, seed: int = 0) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(seed).integers(0, 256, (rows, 3, 112, 112)).astype(np.float32)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def shapes(path: Path) -> list[list[Any]]:
    graph = onnx.load(path).graph
    return [
        [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    ]


def test_it_is_equal_and_says_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write_model(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    assert main(["optimize", str(source), "-o", str(out), "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert np.abs(run(source, 5) - run(out, 5)).max() < 1e-5
    assert operators(out) == ["Sub", "Mul", "Conv", "Conv", "Relu", "Conv", "Add", "Flatten", "MatMul"]
    assert read_metadata(out) == ModelMetadata(
        "raw",
        112,
        16,
        input_scale=float(np.float32(1 / 127.5)),
        sface_version=fields["metadata"]["sface.sface_version"],
    )
    assert fields["before"]["size"] == source.stat().st_size
    assert fields["after"]["size"] == out.stat().st_size
    assert (fields["before"]["nodes"], fields["after"]["nodes"]) == (6, 9)
    assert fields["before"]["milliseconds"] > 0 and fields["after"]["milliseconds"] > 0
    assert fields["loads"] is True
    assert fields["parity"]["max_difference"] < 1e-5
    FaceEmbedder(out).embed(drawn_crops(2, seed=0))


def test_what_a_person_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", str(write_model(tmp_path / "a.onnx")), "-o", str(tmp_path / "b.onnx")]) == 0
    first, before, after = capsys.readouterr().out.splitlines()
    assert "b.onnx: raw input, equal to" in first
    assert before.startswith("before:") and "6 nodes" in before and "ms a crop" in before
    assert after.startswith("after:") and "9 nodes" in after and "times as fast" in after


def test_a_file_may_replace_itself(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.onnx")
    expected = run(path, 3)
    assert main(["optimize", str(path), "-o", str(path)]) == 0
    assert np.abs(run(path, 3) - expected).max() < 1e-5
    assert "PRelu" not in operators(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_fixed_batch_is_freed(tmp_path: Path) -> None:
    source = write_model(tmp_path / "a.onnx", batch=1)
    model = onnx.load(source)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, -1]), "flat_shape"))
    flatten = next(node for node in model.graph.node if node.op_type == "Flatten")
    flatten.CopyFrom(helper.make_node("Reshape", [flatten.input[0], "flat_shape"], list(flatten.output)))
    onnx.save(model, source)
    assert main(["optimize", str(source), "-o", str(tmp_path / "b.onnx")]) == 0
    assert shapes(tmp_path / "b.onnx") == [["batch", 3, 112, 112], ["batch", 16]]
    rows = [run(source, 1, seed)[0] for seed in range(3)]
    session = onnxruntime.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    x = [np.random.default_rng(seed).integers(0, 256, (1, 3, 112, 112)).astype(np.float32) for seed in range(3)]
    (together,) = session.run(None, {"input": np.concatenate(x)})
    assert np.abs(together - np.array(rows)).max() < 1e-5


def test_for_opencv(tmp_path: Path) -> None:
    source, out = write_model(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    assert main(["optimize", str(source), "-o", str(out), "--target", "opencv"]) == 0
    assert "PRelu" in operators(out)
    assert shapes(out) == [[1, 3, 112, 112], [1, 16]]
    recognizer = cv2.FaceRecognizerSF.create(str(out), "")
    crops = drawn_crops(2, seed=0)
    for crop, expected in zip(crops, FaceEmbedder(source, preprocess="raw").embed(crops).unit, strict=True):
        feature = recognizer.feature(np.ascontiguousarray(crop[:, :, ::-1]))[0]
        assert np.abs(feature / np.linalg.norm(feature) - expected).max() <= 1e-5


def test_a_pass_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["optimize", str(write_model(tmp_path / "a.onnx")), "-o", str(tmp_path / "b.onnx")]
    assert main([*call, "--without", "rewrite_prelu"]) == 0
    assert "PRelu" in operators(tmp_path / "b.onnx")
    assert main([*call, "--without", "rewrite"]) == 2
    assert "there is no pass 'rewrite'" in capsys.readouterr().err


def test_the_report(tmp_path: Path) -> None:
    call = ["optimize", str(write_model(tmp_path / "a.onnx")), "-o", str(tmp_path / "b.onnx")]
    assert main([*call, "--report", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["equal"] is True
    assert report["max_difference"] <= report["bound"]


def test_who_says_what_the_input_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare, out = write_model(tmp_path / "bare.onnx", normalised=False), tmp_path / "b.onnx"
    assert main(["optimize", str(bare), "-o", str(out)]) == 5
    assert "bare.onnx: neither its metadata nor its graph say what its input is" in capsys.readouterr().err
    assert not out.exists()
    assert main(["optimize", str(bare), "-o", str(out), "--preprocess", "centered"]) == 0
    metadata = read_metadata(out)
    assert metadata is not None
    assert (metadata.preprocess, metadata.input_scale) == ("centered", None)
    raw = write_model(tmp_path / "raw.onnx")
    assert main(["optimize", str(raw), "-o", str(out), "--preprocess", "centered"]) == 5
    assert "says that its input is raw" in capsys.readouterr().err


def test_metadata_that_are_there_stay(tmp_path: Path) -> None:
    known = raw_metadata(threshold=0.4, fmr=0.001, threshold_set="people", aligner="mtcnn+onet-1")
    source = write_model(tmp_path / "a.onnx", metadata=known)
    assert main(["optimize", str(source), "-o", str(tmp_path / "b.onnx")]) == 0
    metadata = read_metadata(tmp_path / "b.onnx")
    assert metadata is not None
    assert (metadata.threshold, metadata.network, metadata.aligner) == (0.4, "tiny", "mtcnn+onet-1")


def external(path: Path) -> Path:
    onnx.save(onnx.load(write_model(path)), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def cyclic(path: Path) -> Path:
    model = onnx.load(write_model(path))
    model.graph.node[2].input[0] = "embedding"
    path.write_bytes(model.SerializeToString())
    return path


def no_numbers(path: Path) -> Path:
    model = onnx.load(write_model(path))
    weight = next(value for value in model.graph.initializer if value.name == "linear")
    weight.CopyFrom(numpy_helper.from_array(np.full((392, 16), np.nan, np.float32), "linear"))
    onnx.save(model, path)
    return path


def cut_off(path: Path) -> Path:
    path.write_bytes(write_model(path).read_bytes()[:3000])
    return path


def two_inputs(path: Path) -> Path:
    sizes: list[int | str] = [1, 3, 112, 112]
    kind = int(TensorProto.FLOAT)
    return write_graph(
        path,
        [helper.make_node("Add", ["a", "b"], ["c"])],
        inputs=[("a", kind, sizes), ("b", kind, sizes)],
        outputs=[("c", kind, sizes)],
        weights={},
        metadata=None,
    )


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (external, "keeps its weights in other files"),
        (cyclic, "not valid ONNX"),
        (no_numbers, "not finite"),
        (cut_off, "damaged|not an ONNX file|not valid"),
        (two_inputs, "has 2 inputs"),
        (lambda path: path, "can't be read"),
        (lambda path: path.touch(), "without a network"),
    ],
    ids=["external data", "cycle", "NaN", "truncated", "inputs", "missing", "empty"],
)
def test_files_that_are_refused(write: Any, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "bad.onnx")
    before = sorted(tmp_path.iterdir())
    assert main(["optimize", str(tmp_path / "bad.onnx"), "-o", str(tmp_path / "b.onnx"), "--preprocess", "raw"]) == 5
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert any(word in error for word in words.split("|")), error
    assert sorted(tmp_path.iterdir()) == before


def test_places_that_can_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_model(tmp_path / "a.onnx")
    assert main(["optimize", str(source), "-o", str(tmp_path)]) == 2
    with largest_file(100):
        assert main(["optimize", str(source), "-o", str(tmp_path / "b.onnx")]) == 6
    assert "b.onnx: could not be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]


def test_without_jittor(tmp_path: Path) -> None:
    source = write_model(tmp_path / "a.onnx")
    code = (
        "import sys; sys.modules['jittor'] = None; from sface.cli.dispatch import main; "
        f"sys.exit(main(['optimize', {str(source)!r}, '-o', {str(tmp_path / 'b.onnx')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_opencvs_published_network(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """onnxruntime refuses it as it is. The result takes any batch and has OpenCV's features."""
    out = tmp_path / "sface.onnx"
    assert main(["optimize", str(shared / PUBLISHED), "-o", str(out), "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["loads"] is False
    assert fields["metadata"]["sface.input_scale"] == "0.0078125"
    assert shapes(out) == [["batch", 3, 112, 112], ["batch", 128]]
    recognizer = cv2.FaceRecognizerSF.create(str(shared / PUBLISHED), "")
    crops = read_crops(shared / "faces_celeba293_112x112")[:100]
    for crop, ours in zip(crops, FaceEmbedder(out).embed(crops).unit, strict=True):
        feature = recognizer.feature(np.ascontiguousarray(crop[:, :, ::-1]))[0]
        assert float(feature @ ours / np.linalg.norm(feature)) >= 0.9999
