"""Does an ONNX file take weights from other files? Read off its bytes, without the onnx package.

onnxruntime would read them from the folder in which the program happens to run: what runs would not be what was hashed,
and a file that somebody sent would choose which other files are read.
"""

from collections.abc import Iterator

# The fields of onnx.proto3 that lead to tensors: message: {field number: message}.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse_tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse_tensor", 23: "sparse_tensor"},
    "sparse_tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_DATA_LOCATION, _EXTERNAL = 14, 1
_EXTERNAL_DATA = 13


def why_not_whole(model: bytes) -> str | None:
    """Why the file's bytes alone are no network, with the remedy: a tensor, also within nodes and their graphs, lies
    elsewhere; or the bytes can't be followed to their end, so that what another reader makes of them is not known.
    None where neither is so.
    """
    open_messages = [("model", memoryview(model))]
    try:
        while open_messages:
            kind, data = open_messages.pop()
            for number, value in _fields(data):
                if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == _EXTERNAL)):
                    return "keeps weights in other files; save it as one file, with all its weights"
                if (inner := _FIELDS[kind].get(number)) and isinstance(value, memoryview):
                    open_messages.append((inner, value))
    except ValueError as error:
        return f"onnxruntime can't load it as a network (damaged, or no ONNX file: {error}); get it again"
    return None


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: number, and an integer or bytes. Raises ValueError where the bytes make no sense."""
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        key &= 0xFFFFFFFF  # as Protocol Buffers take it
        value: int | memoryview = 0
        match key & 7:  # Protocol Buffers' wire types
            case 0:
                value, position = _varint(data, position)
            case 2:
                length, position = _varint(data, position)
                value = data[position : position + length]
                position += length
            case 1:
                position += 8
            case 5:
                position += 4
            case kind:
                raise ValueError(f"wire type {kind}")  # groups, which nobody writes
        if position > end:
            raise ValueError("cut off")
        yield key >> 3, value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """An integer, seven bits a byte, and the position after it. Raises ValueError where there is none."""
    value = shift = 0
    for byte in data[position : position + 10]:
        value |= (byte & 127) << shift
        shift += 7
        position += 1
        if byte < 128:
            return value, position
    raise ValueError("no integer")
