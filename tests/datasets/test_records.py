"""RecordIO: the files MXNet wrote, files of our own, and damaged ones."""

import gc
import os
import struct
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.datasets.records import RecordFile
from sface.errors import DataError, ImageError

from .write_recordio import MAGIC, content, record, write_numbered, write_set


def open_records(folder: Path) -> RecordFile:
    return RecordFile(folder / "train.rec", folder / "train.idx")


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, list[int]]:
    """A set of three made-up records, and where its records 0 to 3 (and those of two people) start."""
    return tmp_path, write_set(tmp_path, [b"first", b"second..", b"third"], [0, 1, 1])


def test_what_mxnet_wrote(shared: Path) -> None:
    records = open_records(shared / "faces_celeba293_112x112")
    assert len(records) == 6197
    labels = [records.label(position) for position in range(len(records))]
    assert sorted(set(labels)) == list(range(293))
    for position in (0, 3000, 6196):
        label, image = records.read(position)
        assert label == labels[position]
        assert image.startswith(b"\xff\xd8")
        assert image.endswith(b"\xff\xd9")


def test_the_tests_writer_frames_as_mxnet_does(shared: Path) -> None:
    folder = shared / "faces_celeba293_112x112"
    data = (folder / "train.rec").read_bytes()
    second, third = (int(line.split()[1]) for line in (folder / "train.idx").read_text().splitlines()[1:3])
    label, image = open_records(folder).read(0)
    assert data[:second] == record(content([6198.0, 6491.0], b""))
    assert data[second:third] == record(content([label, 0.0], image, 1))


pieces = st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), max_size=8).map(b"".join)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.tuples(st.lists(st.integers(0, 999), min_size=1, max_size=3), pieces), min_size=1, max_size=5))
def test_every_record_comes_back(written: list[tuple[list[int], bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        contents = {number: content(labels, image, number) for number, (labels, image) in enumerate(written, start=7)}
        write_numbered(Path(name), contents)
        records = open_records(Path(name))
        assert [records.read(position) for position in range(len(records))] == [
            (labels[0], image) for labels, image in written
        ]
        assert [records.label(position) for position in range(len(records))] == [labels[0] for labels, _ in written]


def test_magic_words_inside_an_image(tmp_path: Path) -> None:
    images = [MAGIC, b"1234" + MAGIC + MAGIC + b"56", b"x" + MAGIC]
    write_set(tmp_path, images, [0, 1, 2])
    records = open_records(tmp_path)
    assert [records.read(position)[1] for position in range(3)] == images
    assert (tmp_path / "train.rec").read_bytes().count(MAGIC) == 1 + 2 + 3 + 2 + 3  # one more where it is not aligned


def test_magic_word_in_the_header(tmp_path: Path) -> None:
    """The number of a record may look like the magic word; then its header is cut in two."""
    write_numbered(tmp_path, {1: content([5.0, 0.0], b"image", number=0xCED7230A)})
    assert open_records(tmp_path).label(0) == 5.0
    assert open_records(tmp_path).read(0) == (5.0, b"image")


def test_without_people_all_records_are_images(tmp_path: Path) -> None:
    write_numbered(tmp_path, {number: content([2.0 * number], b"image %d" % number) for number in range(4)})
    records = open_records(tmp_path)
    assert [records.read(position) for position in range(len(records))] == [
        (2.0 * number, b"image %d" % number) for number in range(4)
    ]


def test_index_in_any_order(three: tuple[Path, list[int]]) -> None:
    folder, _ = three
    index = folder / "train.idx"
    index.write_text("\n".join(reversed(index.read_text().splitlines())))
    assert [open_records(folder).read(position)[1] for position in range(3)] == [b"first", b"second..", b"third"]


def damage(folder: Path, offsets: list[int], how: str) -> None:
    """Damage record 2 of `three`."""
    records, index, start = folder / "train.rec", folder / "train.idx", offsets[2]
    lines = index.read_text().splitlines(keepends=True)
    match how:
        case "magic":
            overwrite(records, start, b"\0\0\0\0")
        case "too long":
            overwrite(records, start + 4, struct.pack("<I", 1 << 28))
        case "too short":
            overwrite(records, start + 4, struct.pack("<I", 20))
        case "many labels":
            overwrite(records, start + 8, struct.pack("<I", 1 << 30))
        case "middle part":
            overwrite(records, start + 4, struct.pack("<I", 2 << 29 | 40))
        case "last part missing":
            overwrite(records, start + 4, struct.pack("<I", 1 << 29 | 40))
        case "offset inside a record":
            index.write_text("".join([*lines[:2], f"2\t{start + 4}\n", *lines[3:]]))
        case "offset beyond the end":
            index.write_text("".join([*lines[:2], "2\t999999999999\n", *lines[3:]]))
        case "negative offset":
            index.write_text("".join([*lines[:2], "2\t-40\n", *lines[3:]]))
        case "not in the index":
            index.write_text("".join([*lines[:2], *lines[3:]]))


@pytest.mark.parametrize(
    "how",
    [
        "magic",
        "too long",
        "too short",
        "many labels",
        "middle part",
        "last part missing",
        "offset inside a record",
        "offset beyond the end",
        "negative offset",
        "not in the index",
    ],
)
def test_damaged_record_in_the_middle(three: tuple[Path, list[int]], how: str) -> None:
    folder, offsets = three
    damage(folder, offsets, how)
    records = open_records(folder)
    assert records.read(0) == (0.0, b"first")
    assert records.read(2) == (1.0, b"third")
    for read in (records.label, records.read):
        with pytest.raises(ImageError, match=r"train\.rec: record 2 is damaged \(.+\)$"):
            read(1)


def test_file_cut_short(three: tuple[Path, list[int]]) -> None:
    folder, offsets = three
    records = open_records(folder)
    os.truncate(folder / "train.rec", offsets[3] + 20)
    for file in (records, open_records(folder)):  # cut while it was open, and before
        assert file.read(1) == (1.0, b"second..")
        for read in (file.label, file.read):
            with pytest.raises(ImageError, match="record 3 is damaged"):
                read(2)


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (b"", "each line: number, tab, offset"),
        (b"\n \n", "each line: number, tab, offset"),
        (b"0\n40\n", "each line: number, tab, offset"),
        (b"0\t0\n1\tforty\n", "forty"),
        (b"0\t0\n1\n", "number of columns changed"),
        (b"0\t0\n1\t99999999999999999999\n", "99999999999999999999"),
        (b"\xff\xd8\xff\xe0\0\0 text", "not an index"),
    ],
)
def test_unusable_index(three: tuple[Path, list[int]], index: bytes, reason: str) -> None:
    folder, _ = three
    (folder / "train.idx").write_bytes(index)
    with pytest.raises(DataError, match=r"train\.idx: not an index.*; get it again$") as raised:
        open_records(folder)
    assert reason in str(raised.value)


def test_missing_index(three: tuple[Path, list[int]]) -> None:
    folder, _ = three
    (folder / "train.idx").unlink()
    with pytest.raises(DataError, match=r"train\.idx: can't be opened"):
        open_records(folder)


def test_missing_records(three: tuple[Path, list[int]]) -> None:
    folder, _ = three
    (folder / "train.rec").unlink()
    with pytest.raises(DataError, match=r"train\.rec: can't be opened"):
        open_records(folder)


def test_not_a_record_file(three: tuple[Path, list[int]]) -> None:
    folder, _ = three
    (folder / "train.rec").write_bytes(b"This is text, not records. " * 9)
    with pytest.raises(DataError, match=r"train\.rec: record 0 is damaged .*get both files again"):
        open_records(folder)


@pytest.mark.parametrize("people", [1e9, -3.0, float("nan"), float("inf"), 1.0])
def test_record_0_that_contradicts_the_index(three: tuple[Path, list[int]], people: float) -> None:
    folder, _ = three
    overwrite(folder / "train.rec", 8 + 24, struct.pack("<f", people))
    with pytest.raises(DataError, match="record 0 says that the images end before record"):
        open_records(folder)


def test_threads_share_a_file(shared: Path) -> None:
    records = open_records(shared / "faces_celeba293_112x112")
    expected = [records.read(position) for position in range(200)]
    seen: dict[int, list[tuple[float, bytes]]] = {}

    def read_all(thread: int) -> None:
        order = np.random.default_rng(thread).permutation(200)
        found = {int(position): records.read(int(position)) for position in order}
        seen[thread] = [found[position] for position in range(200)]

    threads = [threading.Thread(target=read_all, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seen[number] == expected for number in range(4))


def test_the_file_is_closed_with_the_object(three: tuple[Path, list[int]]) -> None:
    folder, _ = three
    gc.collect()  # what earlier tests left open must not be closed meanwhile
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (iterdir would hold one open itself)
    records = open_records(folder)
    assert len(os.listdir("/proc/self/fd")) == before + 1  # noqa: PTH208
    del records
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
