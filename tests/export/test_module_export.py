"""`to_onnx`: any module to a file, proven; what can't be written or proven leaves no file."""

from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import onnx
import onnxruntime
import pytest
from jittor import nn

from sface.errors import ModelError, ParityError, SFaceError, StorageError, UsageError
from sface.export import to_onnx
from sface.export.passes import PASSES
from tests.test_files import largest_file

pytestmark = pytest.mark.jittor


class Net(nn.Module):
    """A convolution, BatchNorm, PReLU, and a linear layer."""

    def __init__(self) -> None:
        self.conv = nn.Conv(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm(4)
        self.bend = nn.PReLU(4)
        self.out = nn.Linear(4, 5)

    def execute(self, x: Any) -> Any:
        return self.out(self.bend(self.norm(self.conv(x))).mean([2, 3]))


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        self.table = nn.Embedding(10, 4)

    def execute(self, ids: Any, x: Any) -> Any:
        return self.table(ids).sum(1) * x, x - 1


EXAMPLE = np.random.default_rng(0).standard_normal((2, 3, 8, 9)).astype(np.float32)


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("example", [EXAMPLE, (EXAMPLE,), jt.array(EXAMPLE)], ids=["array", "tuple", "Var"])
def test_a_module_as_a_file(example: Any, tmp_path: Path) -> None:
    module = Net()
    module.train()
    written = to_onnx(module, example, tmp_path / "m.onnx")
    assert written.parity is not None
    assert written.parity.equal and written.parity.proves
    assert (written.size, written.path) == ((tmp_path / "m.onnx").stat().st_size, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    assert written.nodes == len(model.graph.node)
    assert {node.op_type for node in model.graph.node} == {"Conv", "Relu", "Add", "ReduceMean", "Gemm"}
    assert module.is_training() and module.norm.is_train
    module.eval()
    for batch in (1, 5):
        x = np.random.default_rng(batch).standard_normal((batch, 3, 8, 9), dtype=np.float32)
        (actual,) = session(tmp_path / "m.onnx").run(["output"], {"input": x})
        assert np.abs(actual - module(jt.array(x)).numpy()).max() < 1e-5


def test_a_module_that_is_made_wrong_on_purpose(tmp_path: Path) -> None:
    """The export is in evaluation mode: BatchNorm's running statistics, not the batch's."""
    module = Net()
    module.norm.running_mean.assign(jt.array(np.full(4, 3, np.float32)))
    to_onnx(module, EXAMPLE, tmp_path / "m.onnx")
    module.eval()
    (actual,) = session(tmp_path / "m.onnx").run(None, {"input": EXAMPLE})
    assert np.abs(actual - module(jt.array(EXAMPLE)).numpy()).max() < 1e-5


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    ids, x = np.arange(6, dtype=np.int32).reshape(2, 3), np.random.default_rng(0).standard_normal((2, 4))
    to_onnx(Two(), (ids, x), tmp_path / "m.onnx")
    model = session(tmp_path / "m.onnx")
    assert [(value.name, value.shape, value.type) for value in model.get_inputs()] == [
        ("input_0", ["batch", 3], "tensor(int32)"),
        ("input_1", ["batch", 4], "tensor(float)"),
    ]
    assert [(value.name, value.shape) for value in model.get_outputs()] == [
        ("output_0", ["batch", 4]),
        ("output_1", ["batch", 4]),
    ]
    to_onnx(Two(), (ids, x), tmp_path / "m.onnx", input_names=["ids", "x"], output_names=["product", "less"])
    model = session(tmp_path / "m.onnx")
    assert [value.name for value in model.get_inputs()] == ["ids", "x"]
    assert [value.name for value in model.get_outputs()] == ["product", "less"]


def test_a_fixed_batch(tmp_path: Path) -> None:
    to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", dynamic_batch=False)
    assert session(tmp_path / "m.onnx").get_inputs()[0].shape == [2, 3, 8, 9]


@pytest.mark.parametrize("opset", [17, 18, 20])
def test_the_opset(opset: int, tmp_path: Path) -> None:
    to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", opset=opset)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == opset


def test_an_older_opset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="opset=16"):
        to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", opset=16)


def test_a_pass_can_be_left_out(tmp_path: Path) -> None:
    to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", without=["rewrite_prelu", "fold_batchnorm"])
    operators = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert operators == {"Conv", "BatchNormalization", "PRelu", "ReduceMean", "Gemm"}
    with pytest.raises(UsageError, match="no pass 'fold_bn'"):
        to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", without=["fold_bn"])


def test_a_rule_of_ones_own(tmp_path: Path) -> None:
    class Own(nn.Module):
        def execute(self, x: Any) -> Any:
            return jt.cumsum(x, 1)

    with pytest.raises(ModelError, match="the operation"):
        to_onnx(Own(), np.ones((2, 4), np.float32), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
    to_onnx(
        Own(),
        np.random.default_rng(0).standard_normal((2, 4)),
        tmp_path / "m.onnx",
        rules={Own: lambda graph, _layer, x: graph.node("CumSum", [x, graph.constant(np.array(1))], x.shape)},
    )
    (actual,) = session(tmp_path / "m.onnx").run(None, {"input": np.ones((3, 4), np.float32)})
    assert np.array_equal(actual, np.tile([1, 2, 3, 4], (3, 1)))


def test_without_the_proof(tmp_path: Path) -> None:
    wrong = {nn.PReLU: lambda graph, _layer, x: graph.call("relu", x)}
    assert to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", rules=wrong, parity=False).parity is None


def test_a_wrong_rule_is_found_and_its_layer_named(tmp_path: Path) -> None:
    wrong = {nn.PReLU: lambda graph, _layer, x: graph.call("relu", x)}
    with pytest.raises(ParityError, match=r"differs from the network: .*the first layer that differs: bend; no file"):
        to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx", rules=wrong)
    assert not list(tmp_path.iterdir())


def test_a_wrong_pass_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(model: Any) -> None:
        for node in model.graph:
            if node.op_type == "Gemm":
                node.inputs[2].const_value = onnx_tensor(node.inputs[2].const_value.numpy() + 1)

    def onnx_tensor(array: np.ndarray) -> Any:
        import onnx_ir as ir

        return ir.tensor(array)

    monkeypatch.setitem(PASSES, "merge_duplicates", spoil)
    with pytest.raises(ParityError, match="the first layer that differs: out"):
        to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx")


def test_a_module_whose_input_hardly_matters_is_proven_with_other_weights(tmp_path: Path) -> None:
    """The file has its own weights all the same."""
    module = Net()
    module.conv.weight.assign(module.conv.weight * 1e-6)
    module.norm.weight.assign(module.norm.weight * 1e-6)
    written = to_onnx(module, EXAMPLE, tmp_path / "m.onnx")
    assert written.parity is not None
    assert written.parity.redrawn and written.parity.proves
    module.eval()
    (actual,) = session(tmp_path / "m.onnx").run(None, {"input": EXAMPLE})
    assert np.abs(actual - module(jt.array(EXAMPLE)).numpy()).max() < 1e-6


@pytest.mark.parametrize(
    ("example", "options", "words"),
    [
        ("x", {}, "example: a str"),
        (EXAMPLE, {"input_names": ["a", "b"]}, "1 inputs need a name each"),
        (EXAMPLE, {"output_names": ["a", "b"]}, "1 outputs are called"),
        (np.ones((2, 4, 8, 8), np.float32), {}, "conv: 4 channels for a convolution of 3"),
    ],
    ids=["type", "input names", "output names", "channels"],
)
def test_a_wrong_call(example: Any, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SFaceError, match=words):
        to_onnx(Net(), example, tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    module = Net()
    module.out.bias.assign(jt.array(np.array([0, 0, np.nan, 0, 0], np.float32)))
    with pytest.raises(ModelError, match=r"out\.bias: has values that are not finite"):
        to_onnx(module, EXAMPLE, tmp_path / "m.onnx")


def test_a_disk_that_is_full_and_a_place_that_is_none(tmp_path: Path) -> None:
    with largest_file(100), pytest.raises(StorageError, match=r"m\.onnx: could not be written"):
        to_onnx(Net(), EXAMPLE, tmp_path / "m.onnx")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        to_onnx(Net(), EXAMPLE, tmp_path / "file" / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_same_module_gives_the_same_bytes(tmp_path: Path) -> None:
    module = Net()
    for name in ("a", "b"):
        to_onnx(module, EXAMPLE, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
