"""Records as we write them: against a file of MXNet's, against the format's description, and read by MXNet itself."""

import json
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
import venv
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.datasets import record_writer
from sface.datasets.image_sets import ImageSet, open_image_set
from sface.datasets.record_writer import write_record_set
from sface.datasets.records import RecordFile
from sface.errors import DataError, StorageError

from .write_recordio import MAGIC, write_set

FILES = ("train.rec", "train.idx", "property")


def images_of(source: ImageSet) -> Iterator[tuple[int, bytes]]:
    return ((int(source.labels[index]), source.encoded(index)) for index in range(len(source)))


def same_files(one: Path, other: Path, names: tuple[str, ...] = FILES) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_set_that_mxnet_wrote_comes_out_byte_by_byte(shared: Path, tmp_path: Path) -> None:
    source = open_image_set(shared / "faces_celeba293_112x112")
    write_record_set(tmp_path / "set", images_of(source), num_classes=293, size=112)
    assert same_files(tmp_path / "set", source.root)
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == sorted(FILES)


pieces = st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), max_size=8).map(b"".join)


@settings(max_examples=30, deadline=None)  # each syncs files to disk
@given(st.lists(st.lists(pieces, min_size=1, max_size=3), min_size=1, max_size=5))
def test_as_the_format_is_described(people: list[list[bytes]]) -> None:
    labelled = [(label, image) for label, images in enumerate(people) for image in images]
    with tempfile.TemporaryDirectory() as name:
        expected, folder = Path(name) / "expected", Path(name) / "set"
        expected.mkdir()
        write_set(expected, [image for _, image in labelled], [label for label, _ in labelled])
        write_record_set(folder, iter(labelled), num_classes=len(people), size=112)
        assert same_files(folder, expected)
        records = RecordFile(folder / "train.rec", folder / "train.idx")
        assert [records.read(position) for position in range(len(records))] == labelled


def test_people_without_an_image(tmp_path: Path) -> None:
    write_record_set(tmp_path / "set", [(1, b"a"), (1, b"b"), (3, b"c")], num_classes=6, size=8)
    images = open_image_set(tmp_path / "set")
    assert (images.labels.tolist(), images.num_classes, images.size) == ([1, 1, 3], 6, 8)
    index = [line.split("\t") for line in (tmp_path / "set" / "train.idx").read_text().splitlines()]
    assert [int(number) for number, _ in index] == list(range(1 + 3 + 6))
    # Without record 0, which says where the images end, the people's records are read too.
    (tmp_path / "set" / "train.idx").write_text("".join(f"{number}\t{place}\n" for number, place in index[4:]))
    people = RecordFile(tmp_path / "set" / "train.rec", tmp_path / "set" / "train.idx")
    assert [people.read(position)[0] for position in range(6)] == [1, 1, 3, 3, 4, 4]


def test_images_are_not_kept(tmp_path: Path) -> None:
    def many() -> Iterator[tuple[int, bytes]]:
        for label in range(300):
            yield label, bytes([label % 251]) * 100_000

    tracemalloc.start()
    try:
        write_record_set(tmp_path / "set", many(), num_classes=300, size=112)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert (tmp_path / "set" / "train.rec").stat().st_size > 30_000_000


@pytest.mark.parametrize("labels", [[0, 2, 1], [-1], [0, 3], [3]])
def test_classes_out_of_order_or_range(tmp_path: Path, labels: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"class {labels[-1]} of 3 after"):
        write_record_set(tmp_path / "set", ((label, b"image") for label in labels), num_classes=3, size=112)
    assert list(tmp_path.iterdir()) == []


def test_more_than_float32_can_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_writer, "_MOST_RECORDS", 8)
    write_record_set(tmp_path / "fits", [(0, b"image")] * 5, num_classes=2, size=112)  # and record 0, and two people's
    with pytest.raises(DataError, match=r"set/train\.rec: more than 8 images and people, which it can't number"):
        write_record_set(tmp_path / "set", [(0, b"image")] * 6, num_classes=2, size=112)
    assert list(tmp_path.iterdir()) == [tmp_path / "fits"]


def test_an_image_too_large_for_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_writer, "_TOO_LONG", 1000)
    write_record_set(tmp_path / "fits", [(0, bytes(1000 - 33))], num_classes=1, size=112)
    with pytest.raises(DataError, match=r"set/train\.rec: an image of 968 bytes is too large for a record"):
        write_record_set(tmp_path / "set", [(0, bytes(1000 - 32))], num_classes=1, size=112)


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="exists already"):
        write_record_set(tmp_path, [(0, b"image")], num_classes=1, size=112)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture(scope="module")
def mxnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment of its own with MXNet 1.9.1, which needs a NumPy that Python 3.12 can't have."""
    if sys.version_info >= (3, 12):
        pytest.skip("NumPy below 1.24 has no wheels for this Python")
    folder = tmp_path_factory.mktemp("mxnet") / "env"
    venv.create(folder, with_pip=True)
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "mxnet==1.9.1", "numpy<1.24"]
    subprocess.run([folder / "bin" / "python", *install], check=True)
    return folder / "bin" / "python"


def judged(mxnet: Path, folder: Path, new: Path) -> list[dict[str, object]]:
    new.mkdir()
    script = Path(__file__).with_name("mxnet_judge.py")
    done = subprocess.run([mxnet, script, folder, new], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_against(source: ImageSet, said: list[dict[str, object]], *, pixels: bool) -> None:
    """What MXNet says of all records is what the set holds; with `pixels`, PNG files also decode to the same."""
    labels = source.labels.tolist()
    count = len(labels)
    assert [record["number"] for record in said] == list(range(1 + count + source.num_classes))
    assert all(record["flag"] == 2 and record["id"] == record["number"] for record in said)
    assert said[0]["label"] == [count + 1, count + 1 + source.num_classes]
    for index, record in enumerate(said[1 : count + 1]):
        assert record["label"] == [labels[index], 0]
        assert record["image"] == sha256(source.encoded(index)).hexdigest()
        if pixels:
            assert record["pixels"] == sha256(source.image(index).tobytes()).hexdigest()
    for label, record in enumerate(said[count + 1 :]):
        first = labels.index(label) + 1
        assert record["label"] == [first, first + labels.count(label)]


@pytest.mark.network
def test_mxnet_reads_what_we_write_and_writes_the_same(mxnet: Path, drawn_set: Path, tmp_path: Path) -> None:
    source = open_image_set(drawn_set)
    write_record_set(tmp_path / "drawn", images_of(source), num_classes=source.num_classes, size=source.size)
    check_against(source, judged(mxnet, tmp_path / "drawn", tmp_path / "drawn_again"), pixels=True)
    assert same_files(tmp_path / "drawn", tmp_path / "drawn_again", FILES[:2])
    # And with the magic word in the images, at all places: the first, the last, in a row, and beside the grid of four.
    images = [MAGIC, b"1234" + MAGIC + MAGIC + b"56", b"x" + MAGIC, b"1234" + MAGIC, MAGIC * 3, b"12345678" + MAGIC[:3]]
    write_record_set(tmp_path / "magic", enumerate(images), num_classes=len(images), size=112)
    said = judged(mxnet, tmp_path / "magic", tmp_path / "magic_again")
    check_against(open_image_set(tmp_path / "magic"), said, pixels=False)
    assert [record["image"] for record in said[1 : len(images) + 1]] == [sha256(image).hexdigest() for image in images]
    assert same_files(tmp_path / "magic", tmp_path / "magic_again", FILES[:2])


@pytest.mark.network
def test_mxnet_reads_a_real_set(mxnet: Path, shared: Path, tmp_path: Path) -> None:
    source = open_image_set(shared / "faces_celeba293_112x112")
    write_record_set(tmp_path / "real", images_of(source), num_classes=source.num_classes, size=source.size)
    check_against(source, judged(mxnet, tmp_path / "real", tmp_path / "again"), pixels=False)
    shutil.rmtree(tmp_path / "real")  # 40 MB
    shutil.rmtree(tmp_path / "again")
