"""Weights that the published code wrote, in PyTorch (.pth) or Jittor (.pkl): a pickle of name → tensor.

    PyTorch's zip archive    NAME/data.pkl, and the numbers of each storage in NAME/data/KEY; nothing is compressed
    its older format         five pickles: a magic number, a version, the machine, the weights, the storages' keys;
                             then each storage, how many numbers as int64, and the numbers
    Jittor's                 one pickle of arrays; then, mostly, its sha1 and the mark HCAJSLHD

None is unpickled (state_dict_pickle.py). Such a file does not say which network it is of.
"""

import hashlib
import math
import os
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jittor import nn
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...pickle_reader import refuse
from ..network_config import NetworkConfig
from ..networks import bare_network, state
from .checkpoint import fill
from .state_dict_pickle import Storage, Tensor, read_pickle

Array = NDArray[np.float32]

TORCH_MAGIC, TORCH_VERSION = 0x1950A86A20F9469CFC6C, 1001
JITTOR_MARK = b"HCAJSLHD"
_SHA1_SIZE = 20
# What readers of damaged bytes raise.
_DAMAGE = (ValueError, LookupError, RuntimeError, EOFError, OSError, OverflowError, struct.error, zipfile.BadZipFile)


def load_published(path: str | os.PathLike[str], config: NetworkConfig) -> nn.Module:
    """Build the network of `config` with the weights in the published code's file `path`, in evaluation mode.

    Raises CheckpointError where the file can't be read, or is of another network, embedding or input size.
    """
    module = bare_network(config)
    fill_published(module, path, config)
    module.eval()
    return module


def fill_published(module: nn.Module, path: str | os.PathLike[str], config: NetworkConfig) -> None:
    """Put the weights in `path` into the network of `config`.

    Raises CheckpointError where the file can't be read, or is of another network, embedding or input size.
    """
    arrays = read_state_dict(path)
    variables = state(module)
    expected = {name: tuple(var.shape) for name, var in variables.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = wrong[0]
        raise CheckpointError(
            f"does not fit {config.name} with embedding size {config.embedding_size} and input size "
            f"{config.input_size}: {len(wrong)} names or shapes differ, first {name!r} (file: {found.get(name)}, "
            f"network: {expected.get(name)})",
            path=path,
            remedy="give the network, embedding_size and input_size that it was trained with",
            argument="embedding_size",
        )
    fill(variables, arrays, Path(path))


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Name → float32 array of a file of weights: of a network, or of a head ("weight", (C, D)).

    The prefix "module." of all names is taken away, and counters ("num_batches_tracked") are left out. Nothing in the
    file is run. Raises CheckpointError where it is missing, damaged, or anything else than weights.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"can't be read ({error.strerror})", path=path, remedy="name a file of weights"
        ) from error
    try:
        return _floats(_read(data), len(data))
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]  # zipfile's may be as long as the file
        raise CheckpointError(
            f"not weights of PyTorch or Jittor, or damaged ones ({reason})", path=path, remedy="get the file again"
        ) from error


def _read(data: bytes) -> dict[str, Any]:
    if not data:
        refuse("it is empty")
    if data.startswith(b"PK"):
        return _read_archive(data)
    file = BytesIO(data)
    value = read_pickle(file)
    if isinstance(value, int) and value == TORCH_MAGIC:
        return _read_old(data, file)
    tail = data[file.tell() :]
    if tail:
        content = memoryview(data)[: file.tell()]
        if len(tail) != _SHA1_SIZE + len(JITTOR_MARK) or not tail.endswith(JITTOR_MARK):
            refuse("something else follows the weights")
        if hashlib.sha1(content).digest() != tail[:_SHA1_SIZE]:
            refuse("its checksum does not match its content")
    return _arrays(value, lambda _storage: refuse("it lacks the numbers that it refers to"))


def _read_archive(data: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            refuse("it is an archive of something else")
        prefix = pickles[0].removesuffix("data.pkl")
        # Members may lie over each other and so hold more than the file has.
        budget = len(data)

        def member(name: str) -> bytes:
            nonlocal budget
            if (info := members.get(name)) is None:
                refuse(f"{name} is missing")
            budget -= info.file_size
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or budget < 0:
                refuse(f"{name} is compressed, or larger than the file")
            return archive.read(info)  # checks its CRC

        if prefix + "byteorder" in members and member(prefix + "byteorder") != b"little":
            refuse("it was written by a big-endian machine")
        value = read_pickle(BytesIO(member(pickles[0])))
        storages: dict[str, NDArray[Any]] = {}

        def numbers(storage: Storage) -> NDArray[Any]:
            if storage.key not in storages:
                storages[storage.key] = np.frombuffer(member(f"{prefix}data/{storage.key}"), dtype=storage.dtype)
            return storages[storage.key]

        return _arrays(value, numbers)


def _read_old(data: bytes, file: BytesIO) -> dict[str, Any]:
    version, machine, value, keys = (read_pickle(file) for _ in range(4))
    if version != TORCH_VERSION or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        refuse("it is of an unknown version, or was written by a big-endian machine")
    if not isinstance(value, dict) or not isinstance(keys, list):
        refuse("it does not hold names and tensors")
    wanted = {tensor.storage.key: tensor.storage for tensor in value.values() if isinstance(tensor, Tensor)}
    storages: dict[str, NDArray[Any]] = {}
    place = file.tell()
    for key in keys:
        if not isinstance(key, str) or key not in wanted:
            refuse("it holds numbers that belong to no tensor")
        storage = wanted[key]
        (count,) = struct.unpack_from("<q", data, place)
        if count != storage.count:
            refuse(f"the numbers of storage {key[:20]!r} are not as many as its tensor says")
        storages[key] = np.frombuffer(data, dtype=storage.dtype, count=count, offset=place + 8)
        place += 8 + count * storage.dtype.itemsize

    def numbers(storage: Storage) -> NDArray[Any]:
        if storage.key not in storages:
            refuse("it lacks the numbers of a tensor")
        return storages[storage.key]

    return _arrays(value, numbers)


def _arrays(value: Any, numbers: Callable[[Storage], NDArray[Any]]) -> dict[str, Any]:
    """Tensors as arrays; `numbers` gives those of a storage."""
    if not isinstance(value, dict) or not value:
        refuse("it does not hold names and tensors")
    return {
        name: _view(tensor, numbers(tensor.storage)) if isinstance(tensor, Tensor) else tensor
        for name, tensor in value.items()
    }


def _view(tensor: Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    if numbers.dtype != tensor.storage.dtype or len(numbers) != tensor.storage.count:
        refuse("a storage has not as many numbers as its tensor says")
    if len(tensor.shape) != len(tensor.stride) or len(tensor.shape) > 8 or not all(tensor.shape):
        refuse("the shape of a tensor is damaged")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True))
    if tensor.offset < 0 or last >= len(numbers) or math.prod(tensor.shape) > len(numbers):
        refuse("a tensor reaches beyond its numbers")
    steps = [step * numbers.itemsize for step in tensor.stride]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, steps, writeable=False)


def _floats(values: dict[str, Any], file_size: int) -> dict[str, Array]:
    """All as float32, under the networks' names. They are bounded by the file's size: tensors may share numbers."""
    kept = {name: value for name, value in values.items() if not name.endswith("num_batches_tracked")}
    for name, value in kept.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            refuse(f"{name[:100]!r} is not an array of real numbers")
    if sum(value.size for value in kept.values()) > file_size:
        refuse("its tensors hold more numbers than the file has")
    prefix = "module." if all(name.startswith("module.") for name in kept) else ""
    with np.errstate(over="ignore"):  # what becomes infinite is found when a network is filled
        return {name.removeprefix(prefix): np.ascontiguousarray(kept[name], dtype=np.float32) for name in kept}
