"""Figures of a run as TensorBoard reads them: event files, written here.

A file is a row of records, all little-endian:

    record = length u64, its checksum u32, an Event of `length` bytes, its checksum u32

and an Event a protocol buffer (tensorboard/compat/proto/event.proto). The packages that write such files import PyTorch
where it is installed, whose CUDA libraries may be others than Jittor's, and write from a thread that a full disk stops.
"""

import platform
import struct
import time
from collections.abc import Mapping
from pathlib import Path

FOLDER = "tensorboard"

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")

# Protocol buffers: a field is its number << 3 | its kind, then its content.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY, _SESSION_LOG = 1, 2, 3, 5, 7  # of Event
_VALUE = 1  # of Summary
_TAG, _SIMPLE_VALUE = 1, 2  # of Summary.Value
_STATUS, _START = 1, 1  # of SessionLog, and a value of it


class EventFile:
    """A new event file in `folder`, beside those of the run's earlier parts.

    TensorBoard then drops what those say of the steps after `first_step`. Every point is in the file when `add`
    returns, so that none is lost with the process. Raises OSError where the disk refuses; the file then may end in a
    part of a record and must not be written any more.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # The names of a run's files rise: TensorBoard reads them in that order.
        name = f"events.out.tfevents.{time.time_ns() / 1e9:017.6f}.{platform.node()}.{first_step}"
        self._file = (folder / name).open("xb", buffering=0)
        self._write(_field(_FILE_VERSION, _BYTES, b"brain.Event:2"))
        session_start = _field(_STATUS, _VARINT, _varint(_START))
        self._write(_number(_STEP, first_step + 1) + _field(_SESSION_LOG, _BYTES, session_start))

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write a point for each of the figures `scalars`, whose names may have a group in front: "loss/intra"."""
        summary = b""
        for tag, value in scalars.items():
            fields = _field(_TAG, _BYTES, tag.encode()) + _field(_SIMPLE_VALUE, _FIXED32, _FLOAT.pack(value))
            summary += _field(_VALUE, _BYTES, fields)
        self._write(_number(_STEP, step) + _field(_SUMMARY, _BYTES, summary))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def _write(self, fields: bytes) -> None:
        event = _field(_WALL_TIME, _FIXED64, _DOUBLE.pack(time.time())) + fields
        length = _LENGTH.pack(len(event))
        record = length + _CHECKSUM.pack(checksum(length)) + event + _CHECKSUM.pack(checksum(event))
        if self._file.write(record) != len(record):
            raise OSError(None, "the disk is full")


def checksum(data: bytes) -> int:
    """CRC-32C of `data`, turned by 15 bits and shifted, as these files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_table_entry(byte) for byte in range(256)]


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have their eighth bit set."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _number(field: int, number: int) -> bytes:
    return _field(field, _VARINT, _varint(number))


def _field(number: int, kind: int, content: bytes) -> bytes:
    length = _varint(len(content)) if kind == _BYTES else b""
    return bytes([number << 3 | kind]) + length + content
