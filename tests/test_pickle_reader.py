"""The stack machine, with a reader that keeps texts and bytes as they are."""

import pickle
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.pickle_reader import PickleMachine, refuse


class Plain(PickleMachine):
    """Lists, tuples, numbers, texts and bytes."""

    purpose = "no test needs"

    def string(self, length: int, encoding: str | None) -> Any:
        data = self.file.read(length)
        return data.decode(encoding) if encoding else data

    def name(self, value: Any) -> str:
        return str(value)

    def build(self, target: Any, state: Any) -> None:
        refuse("nothing has a state")

    def _encode(self, arguments: tuple[Any, ...]) -> Any:
        text, encoding = arguments
        return text.encode(encoding)

    functions: ClassVar[Mapping[str, Callable[[Any, tuple[Any, ...]], Any]]] = {"_codecs.encode": _encode}


def read(data: bytes) -> Any:
    return Plain(BytesIO(data)).run()


def inside(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=5) | st.lists(values, max_size=5).map(tuple)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(1 << 80), 1 << 80) | TEXTS | st.binary(min_size=1)


@settings(deadline=None)
@given(st.recursive(LEAVES, inside, max_leaves=30), st.integers(1, 5))
def test_values_are_those_of_python(value: Any, protocol: int) -> None:
    assert read(pickle.dumps([value, value], protocol)) == [value, value]


@pytest.mark.parametrize("length", [0, 255, 256, 70_000])
@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_long_lists_and_strings(length: int, protocol: int) -> None:
    value = [
        list(range(length)),
        b"\xe9" * (length + 1),
        "é" * length,
        bytearray(b"x" * length) if protocol == 5 else 0,
    ]
    assert read(pickle.dumps(value, protocol)) == value


def test_the_file_is_left_behind_the_end() -> None:
    """Pickles follow each other in files of weights."""
    file = BytesIO(b"head" + pickle.dumps([1, "a"], 4) + pickle.dumps((2, b"b"), 2) + b"tail")
    file.seek(4)
    machine = Plain(file)
    assert machine.size == len(file.getvalue()) - 4
    assert machine.run() == [1, "a"]
    assert Plain(file).run() == (2, b"b")
    assert file.read() == b"tail"


LENGTHS = {
    b"U": "B",
    b"T": "I",
    b"\x8c": "B",
    b"X": "I",
    b"\x8d": "Q",
    b"C": "B",
    b"B": "I",
    b"\x8e": "Q",
    b"\x96": "Q",
}


@pytest.mark.parametrize("code", LENGTHS)
def test_a_string_that_is_longer_than_the_file(code: bytes) -> None:
    largest = 256 ** struct.calcsize(LENGTHS[code]) - 1
    assert len(read(code + struct.pack("<" + LENGTHS[code], 3) + b"abc.")) == 3
    for length in (5, largest):
        with pytest.raises(ValueError, match="it ends in the middle"):
            read(code + struct.pack("<" + LENGTHS[code], length) + b"abc.")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"", "it ends in the middle"),
        (b"K\x01", "it ends in the middle"),
        (b"K\x01K\x02.", "it ends in the middle"),
        (b"\xff.", "something else than instructions"),
        (b".", "lacks its value"),
        (b"(.", "lacks its value"),
        (b"(K\x01\x86.", "lacks its value"),
        (b"](\x86.", "lacks its value"),
        (b"(q\x00.", "lacks its value"),
        (b"K\x01t.", "lacks its value"),
        (b"(K\x01a.", "lacks its value"),
        (b")K\x01a.", "what is not a list"),
        (b"h\x00.", "a value that it has not made"),
        (b"K\x01)R.", "calls what is not a function"),
        (b"c_codecs\nencode\nK\x01R.", "calls what is not a function"),
        (b"cos\nsystem\n)R.", r"wants to use 'os\.system', which no test needs; don't trust it"),
        (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.", r"wants to use 'os\.system'"),
        # Python's own readers of these names warn of the escapes, or repeat the whole text.
        (b"cos\\q\nsystem\\w\n.", r"wants to use 'os"),
        (b"S'\\q'\n.", "the instruction STRING, which no test needs"),
        (b"S" + bytes(100_000) + b"\n.", "the instruction STRING"),
        (b"F" + bytes(100_000) + b"\n.", "the instruction FLOAT"),
        (b"c" + bytes(100_000) + b"\nx\n.", "wants to use"),
        (b"I" + b"9" * 100_000 + b"\n.", "Exceeds the limit"),
        (b"Ix" + bytes(100_000) + b"\n.", "invalid literal"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
@pytest.mark.filterwarnings("error")  # the suite's own filters let some pass
def test_other_programs_are_refused_in_a_few_words(program: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as error:
        read(program)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", ["INST", "OBJ", "NEWOBJ", "EXT1", "PERSID", "BINPERSID", "DUP", "DICT", "BUFFER"])
def test_instructions_that_data_does_not_need(name: str) -> None:
    code = getattr(pickle, {"BUFFER": "NEXT_BUFFER"}.get(name, name))
    with pytest.raises(ValueError, match=f"instruction (NEXT_)?{name}, which no test needs"):
        read(b"(]K\x01" + code + b"a\na\n.")


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        read(b"(]X\x01\x00\x00\x00a" + data)
    except ValueError as error:
        assert len(str(error)) < 1000
