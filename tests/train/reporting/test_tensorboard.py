"""Event files, read by the definitions of tensorboardX."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sface.train.reporting.tensorboard import EventFile, checksum
from tests.test_files import largest_file


def events(path: Path) -> list[Any]:
    """The Events of a file, each with its checksums verified."""
    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto.event_pb2 import Event

    def masked(data: bytes) -> bytes:
        crc = crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)

    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack_from("<Q", data)
        assert data[8:12] == masked(data[:8])
        event, data = data[12 : 12 + length], data[12 + length :]
        assert data[:4] == masked(event)
        data = data[4:]
        found.append(Event.FromString(event))
    return found


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of each curve as TensorBoard shows them: a new part of the run drops the steps that it does again."""
    from tensorboardX.proto.event_pb2 import SessionLog

    curves: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.iterdir()):
        for event in events(path):
            if event.session_log.status == SessionLog.START:
                curves = {tag: [point for point in curve if point[0] < event.step] for tag, curve in curves.items()}
            for value in event.summary.value:
                curves.setdefault(value.tag, []).append((event.step, value.simple_value))
    return curves


def test_what_a_file_holds(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "a" / "tensorboard", 0)
    file.add(20, {"loss/intra": -0.5, "speed": 1e9})
    file.add(3_000_000_000, {"loss/intra": 0.25})
    (path,) = (tmp_path / "a" / "tensorboard").iterdir()
    found = events(path)  # before it is closed: nothing waits in memory
    assert ".tfevents." in path.name
    assert [event.file_version for event in found] == ["brain.Event:2", "", "", ""]
    assert [event.step for event in found] == [0, 1, 20, 3_000_000_000]
    assert {value.tag: value.simple_value for value in found[2].summary.value} == {"loss/intra": -0.5, "speed": 1e9}
    times = [event.wall_time for event in found]
    assert times == sorted(times)
    assert times[0] == pytest.approx(path.stat().st_mtime, abs=60)
    file.close()
    file.close()


def test_a_run_that_goes_on_has_no_point_twice(tmp_path: Path) -> None:
    for first_step, steps in ((0, range(10, 100, 10)), (50, range(60, 100, 10)), (50, range(60, 120, 10))):
        file = EventFile(tmp_path, first_step)
        for step in steps:
            file.add(step, {"loss": step + first_step / 100})
        file.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert [step for step, _ in points(tmp_path)["loss"]] == list(range(10, 120, 10))
    assert points(tmp_path)["loss"][4:6] == [(50, 50.0), (60, 60.5)]


def test_a_known_checksum() -> None:
    """The check value of CRC-32C is 0xE3069283."""
    crc = (checksum(b"123456789") - 0xA282EAD8) % 2**32
    assert (crc << 15 | crc >> 17) % 2**32 == 0xE3069283


def test_a_full_disk(tmp_path: Path) -> None:
    file = EventFile(tmp_path, 0)
    with largest_file(150), pytest.raises(OSError):
        for step in range(10):
            file.add(step, {"loss": 1.0})
    file.close()


def test_other_peoples_libraries_stay_out(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from pathlib import Path; from sface.train.reporting.tensorboard import EventFile\n"
        f"file = EventFile(Path({str(tmp_path)!r}), 0)\nfile.add(1, {{'loss': 1.0}})\nfile.close()\n"
        "print([name for name in ('jittor', 'torch', 'tensorboardX', 'google') if name in sys.modules])\n"
        "print(threading.active_count())"
    )
    out = subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True, stderr=subprocess.STDOUT)
    assert out.split("\n")[:2] == ["[]", "1"]
