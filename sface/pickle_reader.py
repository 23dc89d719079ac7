"""A reader of pickles that unpickles nothing: what verification sets and files of weights have in common.

A pickle is a program for a small stack machine; Python's own reader runs whatever that program names. This machine
knows the instructions that data is written with, by Python 2 or 3 with protocol 1 to 5, and stops at any other.
Functions that a pickle names are never looked up: the few in the reader's table stand for what they would give.
"""

import pickletools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any, ClassVar, NoReturn


@dataclass(frozen=True, slots=True)
class Global:
    """A function or class that the pickle names, of those in the table."""

    name: str


_INSTRUCTIONS = {opcode.code.encode("latin-1"): opcode.name for opcode in pickletools.opcodes}
_ARGUMENTS = {opcode.name: opcode.arg.reader for opcode in pickletools.opcodes if opcode.arg}
_MARK = object()
_CONSTANTS = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None, "EMPTY_TUPLE": (), "MARK": _MARK}
_INTEGERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"}
# How many bytes say the length, and the encoding; Python 2 has one type for text and bytes.
_STRINGS = {
    "SHORT_BINSTRING": (1, "latin-1"),
    "BINSTRING": (4, "latin-1"),
    "SHORT_BINUNICODE": (1, "utf-8"),
    "BINUNICODE": (4, "utf-8"),
    "BINUNICODE8": (8, "utf-8"),
    "SHORT_BINBYTES": (1, None),
    "BINBYTES": (4, None),
    "BINBYTES8": (8, None),
    "BYTEARRAY8": (8, None),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}


def refuse(reason: str) -> NoReturn:
    """Raise ValueError."""
    raise ValueError(reason)


class PickleMachine(ABC):
    """The stack machine, for the pickle that starts where `file` stands. A reader adds what is declared first.

    functions: what the functions that a pickle may name give, as methods: (machine, arguments) → value
    purpose: whose needs the machine serves, for its messages: "no weights need"
    """

    functions: ClassVar[Mapping[str, Callable[[Any, tuple[Any, ...]], Any]]]
    purpose: ClassVar[str]

    @abstractmethod
    def string(self, length: int, encoding: str | None) -> Any:
        """The value of a string of `length` bytes, which lie where the file stands and are whole; the file goes on
        behind them. encoding: "utf-8" of a text, None of bytes, "latin-1" of what may be either.
        """

    @abstractmethod
    def name(self, value: Any) -> str:
        """The name that `value`, something that `string` gave, is."""

    @abstractmethod
    def build(self, target: Any, state: Any) -> None:
        """Give `target`, something that a function gave, its state."""

    def other(self, instruction: str) -> None:
        """Do an instruction without argument that the machine does not know."""
        refuse(f"it holds the instruction {instruction}, which {self.purpose}")

    def __init__(self, file: IO[bytes]) -> None:
        start = file.tell()
        file.seek(0, SEEK_END)
        self._end = file.tell()
        file.seek(start)
        self.size = self._end - start
        self.file = file
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The one value that the pickle makes; the file is left behind the pickle's end.

        Raises ValueError, with a short text, that says what is not as it should be.
        """
        instruction = ""
        while instruction != "STOP":
            code = self.file.read(1)
            if code not in _INSTRUCTIONS:
                refuse("it holds something else than instructions" if code else "it ends in the middle")
            instruction = _INSTRUCTIONS[code]
            self._do(instruction)
        value = self.pop()
        if self.stack:
            refuse("it ends in the middle")
        return value

    def _do(self, instruction: str) -> None:
        """Do an instruction. Arguments of those that are not known are not read: their readers may warn of what they
        find, and say it at full length.
        """
        stack = self.stack
        if instruction in _STRINGS:
            stack.append(self._string(*_STRINGS[instruction]))
        elif instruction in _PUTS:
            self._memo[self._argument(instruction)] = self.top()
        elif instruction == "MEMOIZE":
            self._memo[len(self._memo)] = self.top()
        elif instruction in _GETS:
            if (place := self._argument(instruction)) not in self._memo:
                refuse("it refers to a value that it has not made")
            stack.append(self._memo[place])
        elif instruction in _INTEGERS:
            stack.append(self._argument(instruction))
        elif instruction in _CONSTANTS:
            stack.append(_CONSTANTS[instruction])
        elif instruction == "EMPTY_LIST":
            stack.append([])
        elif instruction in ("APPEND", "APPENDS"):
            items = [self.pop()] if instruction == "APPEND" else self.pop_to_mark()
            if not isinstance(target := self.top(), list):
                refuse("it appends to what is not a list")
            target.extend(items)
        elif instruction == "TUPLE":
            stack.append(tuple(self.pop_to_mark()))
        elif instruction in _TUPLES:
            stack.append(tuple(self.pop_many(_TUPLES[instruction])))
        elif instruction == "GLOBAL":
            stack.append(self._allowed(self._line(), self._line()))
        elif instruction == "STACK_GLOBAL":
            stack.append(self._allowed(*map(self.name, self.pop_many(2))))
        elif instruction == "REDUCE":
            function, arguments = self.pop_many(2)
            if not isinstance(function, Global) or not isinstance(arguments, tuple):
                refuse("it calls what is not a function")
            stack.append(self.functions[function.name](self, arguments))
        elif instruction == "BUILD":
            state = self.pop()
            self.build(self.top(), state)
        elif instruction in ("PROTO", "FRAME"):
            self._argument(instruction)
        elif instruction != "STOP":
            self.other(instruction)

    def top(self) -> Any:
        """The topmost value. No value is taken from below a mark."""
        if not self.stack or self.stack[-1] is _MARK:
            refuse("an instruction lacks its value")
        return self.stack[-1]

    def pop(self) -> Any:
        """The topmost value, taken off."""
        value = self.top()
        self.stack.pop()
        return value

    def pop_many(self, count: int) -> list[Any]:
        """The `count` topmost values, the topmost last, taken off."""
        return [self.pop() for _ in range(count)][::-1]

    def pop_to_mark(self) -> list[Any]:
        """The values above the topmost mark, the topmost last, taken off with it."""
        items = []
        while self.stack and self.stack[-1] is not _MARK:
            items.append(self.stack.pop())
        if not self.stack:
            refuse("an instruction lacks its value")
        self.stack.pop()
        return items[::-1]

    def _argument(self, instruction: str) -> Any:
        return _ARGUMENTS[instruction](self.file)

    def _string(self, prefix: int, encoding: str | None) -> Any:
        length = int.from_bytes(self.file.read(prefix), "little")
        if length > self._end - self.file.tell():
            refuse("it ends in the middle")
        return self.string(length, encoding)

    def _line(self) -> str:
        return self.file.readline().removesuffix(b"\n").decode("ascii", errors="replace")

    def _allowed(self, module: str, function: str) -> Global:
        name = f"{module}.{function}"
        if name not in self.functions:
            refuse(f"it wants to use {name[:100]!r}, which {self.purpose}; don't trust it")
        return Global(name)
