"""The pickle of a verification set, read without unpickling: a list of encoded images and a list of answers.

A pickle is a program for a small stack machine; Python's own reader runs whatever that program names. This one knows
the instructions that such a set is written with, by Python 2 or 3, with or without NumPy, and stops at any other.
Functions that the pickle names are never looked up: the few on the list stand for what they would give.
"""

import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, NoReturn, cast


class Span(NamedTuple):
    """Where the bytes of a string lie in the file.

    text  the file has them as UTF-8 of their Latin-1 characters, as Python 3 writes bytes for Python 2
    """

    offset: int
    length: int
    text: bool = False


class _Global(NamedTuple):
    """A function or class that the pickle names."""

    name: str


@dataclass
class _DType:
    """A NumPy type of one byte: "u1" or "b1"."""

    kind: str


@dataclass
class _Array:
    """A NumPy array of such a type."""

    kind: str = ""
    shape: tuple[int, ...] = ()
    data: Span = field(default_factory=lambda: Span(0, 0))


_MARK = object()

_BYTES_OPCODES = {"BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_TEXT_OPCODES = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
# Bytes before the string itself: the opcode and its length.
_PREFIX = {
    "SHORT_BINSTRING": 2,
    "SHORT_BINBYTES": 2,
    "SHORT_BINUNICODE": 2,
    "BINSTRING": 5,
    "BINBYTES": 5,
    "BINUNICODE": 5,
    "BINBYTES8": 9,
    "BYTEARRAY8": 9,
    "BINUNICODE8": 9,
}
_CONSTANTS = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None, "EMPTY_TUPLE": (), "MARK": _MARK}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_INTEGERS = {"INT", "BININT", "BININT1", "BININT2"}


def read_pickle(data: mmap.mmap) -> tuple[list[Span], list[bool]]:
    """The images' places in `data`, a whole .bin file, and its answers: whether the two images of a pair are of one
    person. How many there are of each is not looked at.

    Raises ValueError that says what is not as it should be; nothing that the file says is ever run.
    """
    value = _Machine(data).run()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        _refuse("it does not hold two lists, of images and of answers")
    images, same = value
    if isinstance(same, _Array) and same.kind == "b1":
        same = [_one(byte) for byte in data[same.data.offset : same.data.offset + same.data.length]]
    if not isinstance(images, list) or not isinstance(same, list):
        _refuse("it does not hold two lists, of images and of answers")
    spans = [_image(value, number) for number, value in enumerate(images)]
    for number, answer in enumerate(same):
        if not isinstance(answer, bool):
            _refuse(f"answer {number} is neither True nor False")
    return spans, same


def _image(value: Any, number: int) -> Span:
    if isinstance(value, _Array) and value.kind == "u1" and sum(edge != 1 for edge in value.shape) <= 1:
        value = value.data
    if not isinstance(value, Span):
        _refuse(f"image {number} is not the bytes of an encoded image")
    return value


def _one(byte: int) -> bool:
    if byte > 1:
        _refuse("an answer is neither True nor False")
    return byte == 1


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


class _Machine:
    """The stack machine."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The one value that the pickle makes."""
        string: tuple[str, int] | None = None
        for opcode, argument, position in pickletools.genops(cast(IO[bytes], self._data)):
            if string:  # its end is known now: where this opcode starts
                self._push_string(*string, position)
                string = None
            if opcode.name in _PREFIX:
                string = opcode.name, position or 0
            else:
                self._do(opcode.name, argument)
        if len(self._stack) != 1:
            _refuse("it ends in the middle")
        return self._stack[0]

    def _push_string(self, name: str, position: int, end: int | None) -> None:
        start = position + _PREFIX[name]
        self._stack.append(Span(start, (end or 0) - start, text=name in _TEXT_OPCODES))

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in ("PROTO", "FRAME", "STOP"):
            pass
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _INTEGERS:
            stack.append(argument)
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "APPEND":
            item = self._pop()
            self._list().append(item)
        elif name == "APPENDS":
            items = self._pop_to_mark()
            self._list().extend(items)
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
                _refuse("it refers to a value that it has not made")
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(_allowed(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            module, function = (self._short_text(part) for part in self._pop_many(2))
            stack.append(_allowed(f"{module}.{function}"))
        elif name == "REDUCE":
            function, arguments = self._pop_many(2)
            if not isinstance(function, _Global) or not isinstance(arguments, tuple):
                _refuse("it calls what is not a function")
            stack.append(_ALLOWED[function.name](self, arguments))
        elif name == "BUILD":
            state = self._pop()
            self._build(self._top(), state)
        else:
            _refuse(f"it holds the instruction {name}, which no verification set needs")

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            _refuse("an instruction lacks its value")
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
            _refuse("an instruction lacks its value")
        self._stack.pop()
        return items[::-1]

    def _list(self) -> list[Any]:
        top = self._top()
        if not isinstance(top, list):
            _refuse("it appends to what is not a list")
        return top

    def _short_text(self, value: Any) -> str:
        """A name of at most 100 characters."""
        if not isinstance(value, Span) or value.length > 100:
            _refuse("a name is not a short text")
        return self._data[value.offset : value.offset + value.length].decode("ascii", errors="replace")

    # What the allowed functions give. NumPy writes an array as an empty one, _reconstruct(ndarray, (0,), "b"), and its
    # state: version, shape, type, order, bytes; with protocol 5 in one call, _frombuffer(bytes, type, shape, order).

    def _build(self, target: Any, state: Any) -> None:
        match target, state:
            case _DType(), tuple():
                pass  # byte order and alignment, which a type of one byte has no use for
            case _Array(kind=""), (int(), tuple() as shape, _DType() as dtype, bool(), Span() as data):
                self._fill(target, dtype, shape, data)
            case _:
                _refuse("it changes a value in an unknown way")

    def _fill(self, array: _Array, dtype: _DType, shape: tuple[Any, ...], data: Span) -> None:
        count = 1
        for edge in shape:
            if not isinstance(edge, int) or not 0 <= edge < 1 << 40:
                _refuse("the shape of an array is damaged")
            count *= edge
        # The bytes 0 and 1 of answers are themselves as text; of images' bytes as text the count is not known here.
        if count != data.length and not (data.text and dtype.kind == "u1"):
            _refuse("an array does not have as many bytes as its shape says")
        array.kind, array.shape, array.data = dtype.kind, shape, data

    def _encode(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Span(text=True) as span, Span() as encoding) if self._short_text(encoding) in ("latin1", "latin-1"):
                return span
        return _refuse("it converts a text in an unknown way")

    def _dtype(self, arguments: tuple[Any, ...]) -> Any:
        kind = self._short_text(arguments[0]) if arguments else ""
        if kind not in ("u1", "b1"):
            _refuse(f"it holds numbers of the type {kind!r}")
        return _DType(kind)

    def _empty_array(self, _arguments: tuple[Any, ...]) -> Any:
        return _Array()

    def _array_of_buffer(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Span() as data, _DType() as dtype, tuple() as shape, Span()):
                array = _Array()
                self._fill(array, dtype, shape, data)
                return array
        return _refuse("it makes an array in an unknown way")

    def _scalar(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (_DType(kind="b1"), Span(length=1) as span):
                return _one(self._data[span.offset])
        return _refuse("it makes a number in an unknown way")

    def _type_alone(self, _arguments: tuple[Any, ...]) -> Any:
        return _refuse("it makes an array in an unknown way")


_ALLOWED: dict[str, Callable[[_Machine, tuple[Any, ...]], Any]] = {
    "_codecs.encode": _Machine._encode,
    "numpy.dtype": _Machine._dtype,
    "numpy.ndarray": _Machine._type_alone,
    **{f"numpy.{core}.multiarray._reconstruct": _Machine._empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _Machine._scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _Machine._array_of_buffer for core in ("core", "_core")},
}


def _allowed(name: str) -> _Global:
    if name not in _ALLOWED:
        _refuse(f"it wants to use {name[:100]!r}, which no verification set needs; don't trust it")
    return _Global(name)
