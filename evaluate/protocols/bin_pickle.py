"""The pickle of a verification set, read without unpickling: a list of encoded images and a list of answers.

They are written by Python 2 or 3, with or without NumPy. Images stay in the file: what is read is where they lie.
"""

import math
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import SEEK_CUR
from typing import IO, Any, ClassVar, NamedTuple, cast

from ...pickle_reader import PickleMachine, refuse

_DIMENSIONS = 8  # no array of a verification set has more, and the product of a million takes long


class Span(NamedTuple):
    """Where the bytes of a string lie in the file.

    text  the file has them as UTF-8 of their Latin-1 characters, as Python 3 writes bytes for Python 2
    """

    offset: int
    length: int
    text: bool = False


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


def read_pickle(data: mmap.mmap) -> tuple[list[Span], list[bool]]:
    """The images' places in `data`, a whole .bin file, and its answers: whether the two images of a pair are of one
    person. How many there are of each is not looked at.

    Raises ValueError that says what is not as it should be; nothing that the file says is ever run.
    """
    value = _Machine(data).run()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        refuse("it does not hold two lists, of images and of answers")
    images, same = value
    if isinstance(same, _Array) and same.kind == "b1":
        same = [_one(byte) for byte in data[same.data.offset : same.data.offset + same.data.length]]
    if not isinstance(images, list) or not isinstance(same, list):
        refuse("it does not hold two lists, of images and of answers")
    spans = [_image(value, number) for number, value in enumerate(images)]
    for number, answer in enumerate(same):
        if not isinstance(answer, bool):
            refuse(f"answer {number} is neither True nor False")
    return spans, same


def _image(value: Any, number: int) -> Span:
    if isinstance(value, _Array) and value.kind == "u1" and sum(edge != 1 for edge in value.shape) <= 1:
        value = value.data
    if not isinstance(value, Span):
        refuse(f"image {number} is not the bytes of an encoded image")
    return value


def _one(byte: int) -> bool:
    if byte > 1:
        refuse("an answer is neither True nor False")
    return byte == 1


class _Machine(PickleMachine):
    """Strings are spans, and arrays have their bytes as one."""

    purpose = "no verification set needs"

    def __init__(self, data: mmap.mmap) -> None:
        super().__init__(cast(IO[bytes], data))
        self._data = data

    def string(self, length: int, encoding: str | None) -> Any:
        span = Span(self.file.tell(), length, text=encoding == "utf-8")
        if span.text:
            self.file.read(length).decode("utf-8")  # damage is found now, not when the image is needed
        else:
            self.file.seek(length, SEEK_CUR)
        return span

    def name(self, value: Any) -> str:
        """Of at most 100 characters."""
        if not isinstance(value, Span) or value.length > 100:
            refuse("a name is not a short text")
        return self._data[value.offset : value.offset + value.length].decode("ascii", errors="replace")

    # What the allowed functions give. NumPy writes an array as an empty one, _reconstruct(ndarray, (0,), "b"), and its
    # state: version, shape, type, order, bytes; with protocol 5 in one call, _frombuffer(bytes, type, shape, order).

    def build(self, target: Any, state: Any) -> None:
        match target, state:
            case _DType(), tuple():
                pass  # byte order and alignment, which a type of one byte has no use for
            case _Array(kind=""), (int(), tuple() as shape, _DType() as dtype, bool(), Span() as data):
                self._fill(target, dtype, shape, data)
            case _:
                refuse("it changes a value in an unknown way")

    def _fill(self, array: _Array, dtype: _DType, shape: tuple[Any, ...], data: Span) -> None:
        if len(shape) > _DIMENSIONS or not all(isinstance(edge, int) and 0 <= edge < 1 << 40 for edge in shape):
            refuse("the shape of an array is damaged")
        # The bytes 0 and 1 of answers are themselves as text; of images' bytes as text the count is not known here.
        if math.prod(shape) != data.length and not (data.text and dtype.kind == "u1"):
            refuse("an array does not have as many bytes as its shape says")
        array.kind, array.shape, array.data = dtype.kind, shape, data

    def _encode(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Span(text=True) as span, Span() as encoding) if self.name(encoding) in ("latin1", "latin-1"):
                return span
        return refuse("it converts a text in an unknown way")

    def _dtype(self, arguments: tuple[Any, ...]) -> Any:
        kind = self.name(arguments[0]) if arguments else ""
        if kind not in ("u1", "b1"):
            refuse(f"it holds numbers of the type {kind!r}")
        return _DType(kind)

    def _empty_array(self, _arguments: tuple[Any, ...]) -> Any:
        return _Array()

    def _array_of_buffer(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (Span() as data, _DType() as dtype, tuple() as shape, Span()):
                array = _Array()
                self._fill(array, dtype, shape, data)
                return array
        return refuse("it makes an array in an unknown way")

    def _scalar(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (_DType(kind="b1"), Span(length=1) as span):
                return _one(self._data[span.offset])
        return refuse("it makes a number in an unknown way")

    def _type_alone(self, _arguments: tuple[Any, ...]) -> Any:
        return refuse("it makes an array in an unknown way")

    functions: ClassVar[Mapping[str, Callable[[Any, tuple[Any, ...]], Any]]] = {
        "_codecs.encode": _encode,
        "numpy.dtype": _dtype,
        "numpy.ndarray": _type_alone,
        **dict.fromkeys(("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"), _empty_array),
        **dict.fromkeys(("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"), _scalar),
        **dict.fromkeys(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"), _array_of_buffer),
    }
