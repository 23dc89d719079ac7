"""Files of weights as PyTorch writes them, without PyTorch: Python's own pickler with stand-ins for its classes."""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Arrays = dict[str, np.ndarray]
STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class _Numbers:
    """What the pickler writes as a reference to a storage."""

    def __init__(self, kind: type, key: str, count: int) -> None:
        self.place = ("storage", kind, key, "cpu", count)


class _Tensor:
    """What the pickler writes as a tensor, with the arguments that PyTorch gives."""

    def __init__(self, rebuild: Any, *arguments: Any) -> None:
        self.rebuild, self.arguments = rebuild, arguments

    def __reduce__(self) -> Any:
        return self.rebuild, (*self.arguments, False, collections.OrderedDict())


class _Pickler(pickle.Pickler):
    old = False

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, _Numbers):
            return None
        return (*value.place, None) if self.old else value.place


def _stand_in(module: str, name: str) -> Any:
    return type(name, (), {"__module__": module})


class TorchFiles:
    """Writes state dicts in PyTorch's two formats. While it lives, stand-ins for PyTorch's names can be imported."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kinds = {name: _stand_in("torch", name) for name in STORAGES.values()}
        self.rebuild = _stand_in("torch._utils", "_rebuild_tensor_v2")
        torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
        vars(torch).update(self.kinds)
        vars(utils).update({"_rebuild_tensor_v2": self.rebuild})
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def tensor(self, key: int, array: np.ndarray, **changes: Any) -> _Tensor:
        """A reference to `array`, whose storage has the key `key`; `changes` of offset, shape, stride or count."""
        fields: dict[str, Any] = {
            "offset": 0,
            "shape": array.shape,
            "stride": tuple(step // array.itemsize for step in array.strides),
            "count": array.size,
        } | changes
        numbers = _Numbers(self.kinds[STORAGES[array.dtype.name]], str(key), fields["count"])
        return _Tensor(self.rebuild, numbers, fields["offset"], fields["shape"], fields["stride"])

    def pickle(self, values: Any, *, old: bool = False) -> bytes:
        file = io.BytesIO()
        pickler = _Pickler(file, protocol=2)
        pickler.old = old
        pickler.dump(values)
        return file.getvalue()

    def values(self, arrays: Arrays, **changes: Any) -> Any:
        """The state dict as PyTorch has it: an OrderedDict with an attribute."""
        values = collections.OrderedDict()
        for key, (name, array) in enumerate(arrays.items()):
            values[name] = self.tensor(key, array, **changes)
        values._metadata = collections.OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
        return values

    def zip(self, path: Path, arrays: Arrays, compression: int = zipfile.ZIP_STORED, **changes: Any) -> Path:
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("weights/data.pkl", self.pickle(self.values(arrays, **changes)))
            archive.writestr("weights/byteorder", "little")
            for key, array in enumerate(arrays.values()):
                archive.writestr(f"weights/data/{key}", array.tobytes(order="A"))
            archive.writestr("weights/version", "3\n")
        return path

    def old(self, path: Path, arrays: Arrays, **changes: Any) -> Path:
        machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4, "long": 4}}
        keys = [str(key) for key in range(len(arrays))]
        head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, machine)]
        weights = self.pickle(self.values(arrays, **changes), old=True)
        numbers = [struct.pack("<q", array.size) + array.tobytes(order="A") for array in arrays.values()]
        path.write_bytes(b"".join([*head, weights, pickle.dumps(keys, 2), *numbers]))
        return path
