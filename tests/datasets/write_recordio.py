"""RecordIO written for tests, from the format's description alone: what the reader reads must not come from it."""

import struct
from collections.abc import Sequence
from pathlib import Path

MAGIC = struct.pack("<I", 0xCED7230A)


def content(labels: Sequence[float], image: bytes, number: int = 0) -> bytes:
    """A record's content. One label goes into the header's own field, several follow the header."""
    if len(labels) == 1:
        return struct.pack("<IfQQ", 0, labels[0], number, 0) + image
    return struct.pack("<IfQQ", len(labels), 0.0, number, 0) + struct.pack(f"<{len(labels)}f", *labels) + image


def record(data: bytes) -> bytes:
    """Frame a record's content: cut at each magic word at a multiple of four bytes, then pad."""
    pieces, begin = [], 0
    for place in range(0, len(data) - len(data) % 4, 4):
        if data[place : place + 4] == MAGIC:
            pieces.append(data[begin:place])
            begin = place + 4
    pieces.append(data[begin:])
    framed = b""
    for number, piece in enumerate(pieces):
        kind = 0 if len(pieces) == 1 else 1 if number == 0 else 3 if number == len(pieces) - 1 else 2
        framed += MAGIC + struct.pack("<I", kind << 29 | len(piece)) + piece
    return framed + bytes(-len(framed) % 4)


def write_numbered(folder: Path, contents: dict[int, bytes]) -> list[int]:
    """Write train.rec and train.idx from the records' contents by number; returns where each record starts."""
    data, offsets = b"", []
    for item in contents.values():
        offsets.append(len(data))
        data += record(item)
    (folder / "train.rec").write_bytes(data)
    lines = [f"{number}\t{offset}\n" for number, offset in zip(contents, offsets, strict=True)]
    (folder / "train.idx").write_text("".join(lines))
    return offsets


def write_set(folder: Path, images: Sequence[bytes], labels: Sequence[int], size: int = 112) -> list[int]:
    """Write a whole set in InsightFace's layout; returns where each record starts, record 0 first."""
    last = len(images)
    classes = sorted(set(labels))
    contents = {0: content([last + 1.0, last + 1.0 + len(classes)], b"")}
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        contents[number] = content([float(label), 0.0], image, number)
    for number, label in enumerate(classes, start=last + 1):
        mine = [place for place, other in enumerate(labels, start=1) if other == label]
        contents[number] = content([float(mine[0]), float(mine[-1] + 1)], b"", number)
    (folder / "property").write_text(f"{len(classes)},{size},{size}")
    return write_numbered(folder, contents)
