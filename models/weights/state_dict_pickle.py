"""The pickle of a state dict, read without unpickling: name → tensor, as PyTorch and Jittor write it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...pickle_reader import Global, PickleMachine, refuse


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers that lie in another place of the file: their type, the name of the place, how many they are."""

    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of PyTorch: a view of a storage; offset and strides in numbers, checked for their kind alone."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(slots=True)
class _DType:
    """A NumPy type: "f4", and its byte order."""

    name: str
    order: str = "<"


@dataclass(slots=True)
class _Array:
    """A NumPy array, empty until its state is known."""

    value: NDArray[Any] | None = None


_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}
_NUMBERS = {"f2", "f4", "f8", "i4", "i8"}


def read_pickle(file: BytesIO) -> Any:
    """The value of the pickle that starts where `file` stands; `file` is left behind its end.

    Dictionaries (with names as keys), lists, tuples, numbers, texts and bytes are themselves, NumPy's arrays are
    ndarrays, PyTorch's tensors Tensor. Takes memory in proportion to the file's size.
    Raises ValueError that says what is not as it should be; nothing that the file says is ever run.
    """
    return _value(_Machine(file).run())


class _Machine(PickleMachine):
    """Strings are text or bytes. No more bytes are converted than the pickle may hold: it may name one text any number
    of times.
    """

    purpose = "no weights need"

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file)
        self._budget = self.size

    def string(self, length: int, encoding: str | None) -> Any:
        data = self.file.read(length)
        return data.decode(encoding) if encoding else data

    def name(self, value: Any) -> str:
        if not isinstance(value, str):
            refuse("a name is not a text")
        return value

    def other(self, instruction: str) -> None:
        match instruction:
            case "EMPTY_DICT":
                self.stack.append({})
            case "SETITEM":
                items = self.pop_many(2)
                self._set_items(self.top(), items)
            case "SETITEMS":
                items = self.pop_to_mark()
                self._set_items(self.top(), items)
            case "BINPERSID":
                self.stack.append(_storage(self.pop()))
            case _:
                super().other(instruction)

    def _set_items(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, dict) or len(items) % 2:
            refuse("it sets items of what is not a dictionary")
        for key, value in zip(items[0::2], items[1::2], strict=True):
            target[self.name(key)] = _value(value)

    def _bytes(self, value: Any) -> bytes:
        """Bytes, which Python 2 writes as its kind of text, and Python 3 with protocol 2 as Latin-1."""
        if isinstance(value, str):
            self._budget -= len(value)
            if self._budget < 0:
                refuse("it converts more text than it holds")
            return value.encode("latin-1")
        if not isinstance(value, bytes):
            refuse("the numbers of an array are not bytes")
        return value

    # What the allowed functions give. NumPy writes an array as an empty one, _reconstruct(ndarray, (0,), "b"), and its
    # state: version, shape, type, order, bytes; with protocol 5 in one call, _frombuffer(bytes, type, shape, order).

    def build(self, target: Any, state: Any) -> None:
        match target, state:
            case dict(), dict():
                pass  # versions of PyTorch's layers
            case _DType(), (int(), "<" | ">" | "=" | "|" as order, *_):
                target.order = "<" if order in "=|" else order
            case _Array(value=None), (int(), shape, _DType() as dtype, bool() as columns_first, data):
                target.value = self._array(data, dtype, shape, "F" if columns_first else "C")
            case _:
                refuse("it changes a value in an unknown way")

    def _array(self, data: Any, dtype: _DType, shape: Any, order: str) -> NDArray[Any]:
        numbers = np.frombuffer(self._bytes(data), dtype=dtype.order + dtype.name)
        return numbers.reshape(_sizes(shape), order="F" if order == "F" else "C")

    def _encode(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (str() as text, "latin1" | "latin-1"):
                return self._bytes(text)
        return refuse("it converts a text in an unknown way")

    def _dtype(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (str() as name, *_) if name in _NUMBERS:
                return _DType(name)
        return refuse("it holds values that are not real numbers")

    def _empty_array(self, _arguments: tuple[Any, ...]) -> Any:
        return _Array()

    def _array_of_buffer(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (data, _DType() as dtype, shape, "C" | "F" as order):
                return _Array(self._array(data, dtype, shape, order))
        return refuse("it makes an array in an unknown way")

    def _var(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (_Array() as array,):
                return array
        return refuse("it makes a Var of what is not an array")

    def _tensor(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Storage() as storage, int() as offset, shape, stride, *_):
                return Tensor(storage, offset, _sizes(shape), _sizes(stride))
        return refuse("it makes a tensor in an unknown way")

    def _parameter(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Tensor() as tensor, *_):
                return tensor
        return refuse("it makes a parameter of what is not a tensor")

    def _dictionary(self, arguments: tuple[Any, ...]) -> Any:
        return refuse("it makes a dictionary in an unknown way") if arguments else {}

    def _type_alone(self, _arguments: tuple[Any, ...]) -> Any:
        return refuse("it makes an array in an unknown way")

    functions: ClassVar[Mapping[str, Callable[[Any, tuple[Any, ...]], Any]]] = {
        "collections.OrderedDict": _dictionary,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": _parameter,
        **dict.fromkeys((f"torch.{name}" for name in _STORAGES), _type_alone),
        **dict.fromkeys(("jittor.jittor_core.Var", "jittor_core.Var"), _var),
        "_codecs.encode": _encode,
        "numpy.dtype": _dtype,
        "numpy.ndarray": _type_alone,
        **dict.fromkeys(("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"), _empty_array),
        **dict.fromkeys(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"), _array_of_buffer),
    }


def _value(value: Any) -> Any:
    if not isinstance(value, _Array):
        return value
    return refuse("it holds an array without its numbers") if value.value is None else value.value


def _storage(place: Any) -> Storage:
    """What PyTorch writes for a storage: "storage", its class, key, device, count, and in its old format None."""
    match place:
        case ("storage", Global(name=name), str() | int() as key, str(), int() as count, *rest):
            kind = name.removeprefix("torch.")
            if kind in _STORAGES and count >= 0 and rest in ([], [None]):
                return Storage(np.dtype(_STORAGES[kind]), str(key), count)
    return refuse("it refers to numbers in an unknown way")


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(size) is int and 0 <= size < 1 << 40 for size in value):
        refuse("the shape of an array is damaged")
    return value
