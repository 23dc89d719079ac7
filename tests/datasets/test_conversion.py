"""Sets in another layout, and back: nothing but the layout changes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sface.datasets import conversion, convert
from sface.datasets.conversion import Layout
from sface.datasets.image_sets import ImageSet, open_image_set
from sface.errors import DataError, UsageError

from .write_recordio import write_set


def count_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is shown as progress: a number for each image, once `convert` has run."""
    seen: list[int] = []

    @contextmanager
    def progress(total: int, what: str, output: Any) -> Iterator[Any]:
        assert what == "images"
        yield lambda: seen.append(total)

    monkeypatch.setattr(conversion, "progress", progress)
    return seen


def put(path: Path, number: int, size: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), number, dtype=np.uint8)).save(path)


@pytest.fixture
def listed(tmp_path: Path) -> ImageSet:
    """Seven pictures of all formats, in no order of the three people, of whom one has none."""
    folder = tmp_path / "listed"
    names = ["c d/0.jpg", "1.png", "2.bmp", "3.webp", "c d/4.jpeg", "5.PNG", "6"]
    for number, name in enumerate(names[:-1]):
        put(folder / name, number * 30)
    (folder / "6").write_bytes((folder / "1.png").read_bytes())  # what a file is says its content
    labels = [3, 0, 3, 1, 0, 3, 1]
    (folder / "imgs.txt").write_text("".join(f"{name} {label}\n" for name, label in zip(names, labels, strict=True)))
    (folder / "property").write_text("4,16,16")
    return open_image_set(folder)


ORDER = [1, 4, 3, 6, 0, 2, 5]  # of the pictures of `listed`, by people


def contents(images: ImageSet) -> list[tuple[int, bytes]]:
    return [(int(images.labels[index]), images.encoded(index)) for index in range(len(images))]


def test_a_list_to_records(listed: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_seen(monkeypatch)
    done = convert(listed.root, tmp_path / "out")
    assert (done.path, done.layout, done.people, done.images, done.left_out) == (tmp_path / "out", "records", 4, 7, [])
    assert seen == [7] * 7
    images = open_image_set(tmp_path / "out")
    assert (images.kind, images.num_classes, images.size) == ("train.rec", 4, 16)
    assert contents(images) == [contents(listed)[index] for index in ORDER]


def test_a_list_to_images(listed: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_seen(monkeypatch)
    done = convert(str(listed.root), str(tmp_path / "out"), "images")
    fields = done.to_dict()
    assert fields.pop("seconds") >= 0
    assert fields == {"path": str(tmp_path / "out"), "layout": "images", "people": 4, "images": 7, "left_out": []}
    assert seen == [7] * 7
    lines = (tmp_path / "out" / "imgs.txt").read_text().splitlines()
    assert lines == [
        "000000/00000002.png\t0",
        "000000/00000005.jpg\t0",
        "000001/00000004.webp\t1",
        "000001/00000007.png\t1",
        "000003/00000001.jpg\t3",
        "000003/00000003.bmp\t3",
        "000003/00000006.png\t3",
    ]
    assert (tmp_path / "out" / "property").read_text() == "4,16,16\n"
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert files == {"imgs.txt"} | {line.split("\t")[0] for line in lines}
    assert contents(open_image_set(tmp_path / "out")) == [contents(listed)[index] for index in ORDER]


def test_folders_to_records(tmp_path: Path) -> None:
    for number, name in enumerate(["b/1.jpg", "a/1.png", "b/0.jpg"]):
        put(tmp_path / "people" / name, number)
    source = open_image_set(tmp_path / "people")
    assert convert(source.root, tmp_path / "out").images == 3
    images = open_image_set(tmp_path / "out")
    assert (images.num_classes, images.size, images.labels.tolist()) == (2, 16, [0, 1, 1])
    assert contents(images) == contents(source)


def test_a_real_set_to_images_and_back(shared: Path, tmp_path: Path) -> None:
    """A part of it, since each file is synced to disk: as MXNet would have written this part."""
    whole = open_image_set(shared / "faces_celeba293_112x112")
    expected = [(label, data) for label, data in contents(whole) if label < 12]
    (tmp_path / "part").mkdir()
    write_set(tmp_path / "part", [data for _, data in expected], [label for label, _ in expected])
    convert(tmp_path / "part", tmp_path / "images")
    listed = open_image_set(tmp_path / "images")
    assert contents(listed) == expected
    assert listed.where(200).endswith(".jpg")
    convert(tmp_path / "images", tmp_path / "records")
    for name in ("train.rec", "train.idx", "property"):
        assert (tmp_path / "records" / name).read_bytes() == (tmp_path / "part" / name).read_bytes()


def hundred(folder: Path, damaged: list[int]) -> ImageSet:
    """A hundred pictures of two people, some of them text."""
    for number in range(100):
        put(folder / f"{number:03}.png", number)
        if number in damaged:
            (folder / f"{number:03}.png").write_text("text")
    (folder / "imgs.txt").write_text("".join(f"{number:03}.png {number % 2}\n" for number in range(100)))
    (folder / "property").write_text("2,16,16")
    return open_image_set(folder)


@pytest.mark.parametrize("to", ["records", "images"])
def test_what_is_no_picture_is_left_out(tmp_path: Path, to: Layout) -> None:
    source = hundred(tmp_path / "set", [40])
    done = convert(source.root, tmp_path / "out", to)
    assert (done.layout, done.images) == (to, 99)
    assert done.left_out == [f"{tmp_path}/set/040.png: neither JPEG nor PNG, BMP or WebP"]
    expected = [item for index, item in enumerate(contents(source)) if index != 40]
    assert contents(open_image_set(tmp_path / "out")) == sorted(expected, key=lambda item: item[0])


@pytest.mark.parametrize("to", ["records", "images"])
def test_more_than_one_percent_that_is_no_picture(tmp_path: Path, to: Layout) -> None:
    source = hundred(tmp_path / "set", [40, 90])
    threads = threading.active_count()
    with pytest.raises(DataError, match=r"set: 2 of 100 images can't be used, more than 1%.*The first: .*040\.png: "):
        convert(source.root, tmp_path / "out", to)
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]
    assert threading.active_count() == threads


def test_damaged_records_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    put(tmp_path / "a.png", 1)
    images = [(tmp_path / "a.png").read_bytes()] * 100
    offsets = write_set(tmp_path / "set", images, [number // 50 for number in range(100)], size=16)
    data = bytearray((tmp_path / "set" / "train.rec").read_bytes())
    data[offsets[7]] ^= 0xFF
    (tmp_path / "set" / "train.rec").write_bytes(data)
    done = convert(tmp_path / "set", tmp_path / "out", "images")
    assert done.images == 99
    (reason,) = done.left_out
    assert "record 7 is damaged" in reason
    listed = open_image_set(tmp_path / "out")
    assert listed.labels.tolist() == [0] * 49 + [1] * 50
    assert [Path(listed.where(index)).name for index in (5, 6)] == ["00000006.png", "00000008.png"]


@pytest.mark.parametrize("to", ["records", "images"])
def test_a_target_that_exists(listed: ImageSet, tmp_path: Path, to: Layout) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="out: is there already; name a new folder"):
        convert(listed.root, tmp_path / "out", to)
    with pytest.raises(UsageError, match=r"inside: lies in .*listed itself; name a folder elsewhere"):
        convert(listed.root, listed.root / "inside", to)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_layout(listed: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="to 'zip': must be 'records' or 'images'"):
        convert(listed.root, tmp_path / "out", "zip")  # type: ignore[arg-type]


def test_an_interrupted_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = hundred(tmp_path / "set", [])
    seen: list[int] = []

    @contextmanager
    def progress(*_: object) -> Iterator[Any]:
        def interrupt() -> None:
            seen.append(1)
            if len(seen) == 40:
                raise KeyboardInterrupt

        yield interrupt

    monkeypatch.setattr(conversion, "progress", progress)
    with pytest.raises(KeyboardInterrupt):
        convert(source.root, tmp_path / "out", "images")
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]
