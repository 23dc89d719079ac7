"""The pickle of a state dict, read without unpickling: name → tensor, as PyTorch and Jittor write it.

A pickle is a program for a small stack machine; Python's own reader runs whatever that program names. This one knows
the instructions that weights are written with, by Python 2 or 3 with protocol 2 to 5, and stops at any other. Functions
that the pickle names are never looked up: the few on the list stand for what they would give.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True, slots=True)
class _Global:
    """A function or class that the pickle names."""

    name: str


@dataclass(slots=True)
class _DType:
    """A NumPy type: "f4", and its byte order."""

    name: str
    order: str = "<"


@dataclass(slots=True)
class _Array:
    """A NumPy array, empty until its state is known."""

    value: NDArray[Any] | None = None


_MARK = object()
_IGNORED = {"PROTO", "FRAME", "STOP"}
_CONSTANTS = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None, "EMPTY_TUPLE": (), "MARK": _MARK}
_ARGUMENTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}

_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}
_NUMBERS = {"f2", "f4", "f8", "i4", "i8"}


def read_pickle(file: BytesIO) -> Any:
    """The value of the pickle that starts where `file` stands; `file` is left behind its end.

    Dictionaries (with names as keys), lists, tuples, numbers, texts and bytes are themselves, NumPy's arrays are
    ndarrays, PyTorch's tensors Tensor. Takes no more memory than a few times the file's size.
    Raises ValueError that says what is not as it should be; nothing that the file says is ever run.
    """
    start = file.tell()
    size = file.seek(0, SEEK_END) - start
    file.seek(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a damaged name may hold escapes that Python warns of
        return _Machine(size).run(file)


def refuse(reason: str) -> NoReturn:
    """Raise ValueError."""
    raise ValueError(reason)


class _Machine:
    """The stack machine. It converts at most `budget` bytes: a pickle may name one text any number of times."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: BytesIO) -> Any:
        for opcode, argument, _ in pickletools.genops(file):
            self._do(opcode.name, argument)
        if len(self._stack) != 1:
            refuse("it ends in the middle")
        return _value(self._stack[0])

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _IGNORED:
            pass
        elif name in _ARGUMENTS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop_many(2) if name == "SETITEM" else self._pop_to_mark()
            self._set_items(self._top(), items)
        elif name in ("APPEND", "APPENDS"):
            items = self._pop_many(1) if name == "APPEND" else self._pop_to_mark()
            if not isinstance(target := self._top(), list):
                refuse("it appends to what is not a list")
            target.extend(items)
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name in _TUPLES:
            stack.append(tuple(self._pop_many(_TUPLES[name])))
        elif name in _PUTS:
            self._memo[argument] = self._top()
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif name in _GETS:
            if argument not in self._memo:
                refuse("it refers to a value that it has not made")
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(_allowed(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            stack.append(_allowed(".".join(str(part) for part in self._pop_many(2) if isinstance(part, str))))
        elif name == "BINPERSID":
            stack.append(_storage(self._pop()))
        elif name == "REDUCE":
            function, arguments = self._pop_many(2)
            if not isinstance(function, _Global) or not isinstance(arguments, tuple):
                refuse("it calls what is not a function")
            stack.append(_FUNCTIONS[function.name](self, arguments))
        elif name == "BUILD":
            state = self._pop()
            self._build(self._top(), state)
        else:
            refuse(f"it holds the instruction {name}, which no weights need")

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            refuse("an instruction lacks its value")
        return self._stack[-1]

    def _pop(self) -> Any:
        value = self._top()
        self._stack.pop()
        return value

    def _pop_many(self, count: int) -> list[Any]:
        return [self._pop() for _ in range(count)][::-1]

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while self._stack and self._stack[-1] is not _MARK:
            items.append(self._stack.pop())
        if not self._stack:
            refuse("an instruction lacks its value")
        self._stack.pop()
        return items[::-1]

    def _set_items(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, dict) or len(items) % 2:
            refuse("it sets items of what is not a dictionary")
        for key, value in zip(items[0::2], items[1::2], strict=True):
            if not isinstance(key, str):
                refuse("a name is not a text")
            target[key] = _value(value)

    def _bytes(self, value: Any) -> bytes:
        """Bytes, which Python 2 writes as its kind of text, and Python 3 with protocol 2 as Latin-1."""
        if isinstance(value, str):
            self._budget -= len(value)
            if self._budget < 0:
                refuse("it converts more text than it holds")
            return value.encode("latin-1")
        if not isinstance(value, bytes | bytearray):
            refuse("the numbers of an array are not bytes")
        return bytes(value) if isinstance(value, bytearray) else value

    # What the allowed functions give. NumPy writes an array as an empty one, _reconstruct(ndarray, (0,), "b"), and its
    # state: version, shape, type, order, bytes; with protocol 5 in one call, _frombuffer(bytes, type, shape, order).

    def _build(self, target: Any, state: Any) -> None:
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


_FUNCTIONS: dict[str, Callable[[_Machine, tuple[Any, ...]], Any]] = {
    "collections.OrderedDict": _Machine._dictionary,
    "torch._utils._rebuild_tensor_v2": _Machine._tensor,
    "torch._utils._rebuild_parameter": _Machine._parameter,
    **{f"torch.{name}": _Machine._type_alone for name in _STORAGES},
    **dict.fromkeys(("jittor.jittor_core.Var", "jittor_core.Var"), _Machine._var),
    "_codecs.encode": _Machine._encode,
    "numpy.dtype": _Machine._dtype,
    "numpy.ndarray": _Machine._type_alone,
    **{f"numpy.{core}.multiarray._reconstruct": _Machine._empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _Machine._array_of_buffer for core in ("core", "_core")},
}


def _allowed(name: str) -> _Global:
    if name not in _FUNCTIONS:
        refuse(f"it wants to use {name[:100]!r}, which no weights need; don't trust it")
    return _Global(name)


def _value(value: Any) -> Any:
    if not isinstance(value, _Array):
        return value
    return refuse("it holds an array without its numbers") if value.value is None else value.value


def _storage(place: Any) -> Storage:
    """What PyTorch writes for a storage: "storage", its class, key, device, count, and in its old format None."""
    match place:
        case ("storage", _Global(name=name), str() | int() as key, str(), int() as count, *rest):
            kind = name.removeprefix("torch.")
            if kind in _STORAGES and count >= 0 and rest in ([], [None]):
                return Storage(np.dtype(_STORAGES[kind]), str(key), count)
    return refuse("it refers to numbers in an unknown way")


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(size) is int and 0 <= size < 1 << 40 for size in value):
        refuse("the shape of an array is damaged")
    return value
