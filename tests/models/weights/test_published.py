"""Weights of the published code: read in each format they come in; nothing run; damage found."""

import hashlib
import os
import pickle
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import pytest

from sface.errors import CheckpointError
from sface.models import NetworkConfig, build_network
from sface.models.networks import state
from sface.models.weights.published import load_published, read_state_dict
from tests.models.weights.weight_files import Arrays, TorchFiles

pytestmark = pytest.mark.jittor

RANDOM = np.random.default_rng(0)
CONFIG = NetworkConfig("MobileFaceNet", embedding_size=16)
FORMATS = ("zip", "old", "jittor")


@pytest.fixture
def torch_files(monkeypatch: pytest.MonkeyPatch) -> TorchFiles:
    return TorchFiles(monkeypatch)


@pytest.fixture
def arrays() -> Arrays:
    """Arrays as a state dict has them; one lies in columns."""
    return {
        "a.weight": RANDOM.standard_normal((4, 3, 2, 2), dtype=np.float32),
        "a.running_mean": RANDOM.standard_normal(4, dtype=np.float32),
        "b.weight": np.asfortranarray(RANDOM.standard_normal((5, 3), dtype=np.float32)),
    }


def write(kind: str, path: Path, arrays: Arrays, torch_files: TorchFiles) -> Path:
    if kind == "jittor":
        content = pickle.dumps(arrays, 4)
        path.write_bytes(content + hashlib.sha1(content).digest() + b"HCAJSLHD")
        return path
    return torch_files.zip(path, arrays) if kind == "zip" else torch_files.old(path, arrays)


def same(actual: Arrays, expected: Arrays) -> bool:
    return list(actual) == list(expected) and all(np.array_equal(actual[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format(kind: str, tmp_path: Path, arrays: Arrays, torch_files: TorchFiles) -> None:
    read = read_state_dict(write(kind, tmp_path / "w", arrays, torch_files))
    assert same(read, arrays)
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", FORMATS)
def test_other_types_counters_and_the_prefix(
    kind: str, tmp_path: Path, arrays: Arrays, torch_files: TorchFiles
) -> None:
    stored: Arrays = {
        "module.d": arrays["a.weight"].astype(np.float64),
        "module.h": arrays["a.running_mean"].astype(np.float16),
        "module.bn.num_batches_tracked": np.array([7], dtype=np.int64),
    }
    read = read_state_dict(write(kind, tmp_path / "w", stored, torch_files))
    expected = {"d": arrays["a.weight"], "h": stored["module.h"].astype(np.float32)}
    assert same(read, expected)


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_arrays_of_every_protocol(protocol: int, tmp_path: Path, arrays: Arrays) -> None:
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(arrays, protocol))
    assert same(read_state_dict(tmp_path / "w.pkl"), arrays)


def test_arrays_that_python_2_wrote(tmp_path: Path) -> None:
    """Texts and bytes are one type there."""
    numbers = np.array([1.5, -2], dtype=">f4").tobytes()
    (tmp_path / "w.pkl").write_bytes(
        b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01K\x02\x85"
        b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T\x08\x00\x00\x00" + numbers + b"tbs."
    )
    assert read_state_dict(tmp_path / "w.pkl")["w"].tolist() == [1.5, -2]


def test_what_jittor_saves(tmp_path: Path) -> None:
    """Its own files, of Vars and of arrays."""
    module = jt.nn.Linear(3, 4)
    expected = {name: var.numpy() for name, var in module.named_parameters()}
    module.save(str(tmp_path / "vars.pkl"))
    jt.save(expected, str(tmp_path / "arrays.pkl"))
    for name in ("vars.pkl", "arrays.pkl"):
        assert same(read_state_dict(tmp_path / name), expected)


@pytest.mark.parametrize("kind", ["zip", "old"])
def test_a_network_gets_its_weights(kind: str, tmp_path: Path, torch_files: TorchFiles) -> None:
    stored = {name: var.numpy() for name, var in state(build_network(CONFIG, seed=3)).items()}
    module = load_published(write(kind, tmp_path / "w.pth", stored, torch_files), CONFIG)
    assert not module.is_training()
    assert same({name: var.numpy() for name, var in state(module).items()}, stored)


def test_weights_of_another_network(tmp_path: Path, torch_files: TorchFiles) -> None:
    stored = {name: var.numpy() for name, var in state(build_network(CONFIG)).items()}
    file = torch_files.zip(tmp_path / "w.pth", stored)
    for config in (NetworkConfig("MobileFaceNet", embedding_size=32), NetworkConfig("IR_50", embedding_size=16)):
        with pytest.raises(CheckpointError, match=r"w\.pth: does not fit .*; give the network, embedding_size"):
            load_published(file, config)
    with pytest.raises(CheckpointError, match=r"1 names or shapes differ, first 'conv_6dw7_7\.conv2d\.weight'"):
        load_published(file, NetworkConfig("MobileFaceNet", embedding_size=16, input_size=224))
    stored["fc1.bias"] = np.full(16, np.inf)
    with pytest.raises(CheckpointError, match=r"w\.pth: fc1\.bias holds values that are not finite"):
        load_published(torch_files.zip(tmp_path / "w.pth", stored), CONFIG)


class Runs:
    """Its pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec, Path.touch], ids=["system", "eval", "exec", "touch"])
@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_run(kind: str, function: Any, tmp_path: Path, arrays: Arrays, torch_files: TorchFiles) -> None:
    victim = tmp_path / "victim"
    source = f"open({str(victim)!r}, 'w')"
    argument = {os.system: f"touch {victim}", Path.touch: victim}.get(function, source)
    hostile: Any = {**arrays, "x": Runs(function, argument)}
    pickle.loads(pickle.dumps(hostile, 2))
    assert victim.exists(), "Python's own reader runs it"
    victim.unlink()

    content = pickle.dumps(hostile, 2)
    file = tmp_path / "w"
    file.write_bytes(content)
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("weights/data.pkl", content)
    elif kind == "old":
        file.write_bytes(torch_files.old(file, arrays).read_bytes().replace(pickle.dumps(1001, 2), content, 1))
    with pytest.raises(CheckpointError, match=r"w: not weights .* wants to use '.*don't trust it"):
        read_state_dict(file)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"hello", "not weights of PyTorch or Jittor"),
        (b"PK\x03\x04 and no more", "not weights of PyTorch or Jittor"),
        (pickle.dumps([1, 2]), "does not hold names and tensors"),
        (pickle.dumps({}), "does not hold names and tensors"),
        (pickle.dumps({1: 2}), "a name is not a text"),
        (pickle.dumps({"state_dict": {}}), "'state_dict' is not an array of real numbers"),
        (pickle.dumps({"w": np.array(["text"])}), "it holds values that are not real numbers"),
        (pickle.dumps({"w": np.arange(3)}), "'w' is not an array of real numbers"),
        (pickle.dumps({"w": np.ones(3)}) + b"more", "something else follows"),
        (pickle.dumps({"w": np.ones(3)}) + b"-" * 20 + b"HCAJSLHD", "checksum does not match"),
        (pickle.dumps({"w": np.ones(3)})[:-9], "not weights of PyTorch or Jittor"),
        (b"\x80\x02r\xff\xff\xff\xff.", "an instruction lacks its value"),
        (b"\x80\x02j\xff\xff\xff\xff.", "a value that it has not made"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.", "not weights of PyTorch or Jittor"),
        (b"\x80\x02cbuiltins\ndict\n)\x81.", "wants to use 'builtins.dict'"),
        (b"\x80\x02(icollections\nOrderedDict\n.", "the instruction INST"),
        (b"\x80\x02cos\\q\nsystem\n.", "wants to use 'os"),
        (b"\x80\x02}X\x01\x00\x00\x00\xffK\x01s.", "utf-8"),
        (b"\x80\x04K\x01K\x01\x93.", "a name is not a text"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_anything_else_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as error:
        read_state_dict(tmp_path / "w")
    assert str(error.value).startswith(f"{tmp_path / 'w'}: ")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path):
        with pytest.raises(CheckpointError, match="can't be read"):
            read_state_dict(path)


@pytest.mark.parametrize("kind", ["zip", "old"])
@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (7, 7)},
        {"stride": (1 << 30, 1)},
        {"stride": (-1, 1)},
        {"stride": (1,)},
        {"shape": (1 << 30, 1 << 30), "stride": (0, 0)},
        {"shape": (0, 3)},
        {"count": 1 << 50},
        {"count": -1},
    ],
    ids=str,
)
def test_tensors_that_reach_too_far(
    kind: str, changes: dict[str, Any], tmp_path: Path, torch_files: TorchFiles
) -> None:
    arrays = {"w": np.ones((5, 3), dtype=np.float32)}
    written = (torch_files.zip if kind == "zip" else torch_files.old)(tmp_path / "w", arrays, **changes)
    with pytest.raises(CheckpointError, match="w: not weights of PyTorch or Jittor, or damaged"):
        read_state_dict(written)


def test_numbers_that_are_shared_take_no_more_than_the_file(tmp_path: Path, torch_files: TorchFiles) -> None:
    numbers = np.ones(10_000, dtype=np.float32)
    tensor = torch_files.tensor(0, numbers)
    with zipfile.ZipFile(tmp_path / "w", "w") as archive:
        archive.writestr("weights/data.pkl", torch_files.pickle({f"w{index}": tensor for index in range(50)}))
        archive.writestr("weights/data/0", numbers.tobytes())
    with pytest.raises(CheckpointError, match="more numbers than the file has"):
        read_state_dict(tmp_path / "w")


def test_a_compressed_archive(tmp_path: Path, torch_files: TorchFiles) -> None:
    arrays = {"w": np.zeros(1_000_000, dtype=np.float32)}
    file = torch_files.zip(tmp_path / "w", arrays, compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 10_000
    with pytest.raises(CheckpointError, match="is compressed, or larger than the file"):
        read_state_dict(file)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_inserted_instructions_are_an_error_of_ours(protocol: int, tmp_path: Path, arrays: Arrays) -> None:
    file, whole, refused = tmp_path / "w", pickle.dumps(arrays, protocol), 0
    places = [position or 0 for _, _, position in pickletools.genops(whole)]
    codes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    for _ in range(300):
        place, code = RANDOM.choice(places), codes[RANDOM.integers(len(codes))]
        file.write_bytes(whole[:place] + code + whole[place:])
        try:
            read_state_dict(file)
        except CheckpointError:
            refused += 1
    assert refused > 150


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_an_error_of_ours(kind: str, tmp_path: Path, arrays: Arrays, torch_files: TorchFiles) -> None:
    """Cut off anywhere it is refused; with bytes changed it is refused or read, and nothing else."""
    file = write(kind, tmp_path / "w", arrays, torch_files)
    whole = file.read_bytes().removesuffix(b"HCAJSLHD")
    if kind == "jittor":
        whole = whole[:-20]  # without the checksum, which finds all
    for length in RANDOM.integers(1, len(whole), 60).tolist():
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read_state_dict(file)
    for _ in range(300):
        changed = bytearray(whole)
        for place in RANDOM.integers(0, len(whole), RANDOM.integers(1, 4)).tolist():
            changed[place] = int(RANDOM.integers(0, 256))
        file.write_bytes(changed)
        try:
            read_state_dict(file)
        except CheckpointError as error:
            assert str(error).startswith(f"{file}: ") and "\n" not in str(error)
