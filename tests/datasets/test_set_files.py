"""The files `property` and `aligner.txt`, sound and unsound."""

from pathlib import Path

import pytest

from sface.datasets.folders import people_in
from sface.datasets.image_sets import open_image_set
from sface.datasets.record_writer import write_record_set
from sface.datasets.set_files import read_aligner
from sface.errors import DataError

from .small_sets import crop, encoded, put, write_list


def test_the_size_is_what_property_says(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", encoded(crop(1, 96)))
    images = open_image_set(write_list(tmp_path, "a.jpg 0", "1,96,96"))
    assert images.size == 96
    assert images.image(0).shape == (96, 96, 3)


@pytest.mark.parametrize(
    "text", ["", "293", "293,112", "a,112,112", "0,112,112", "293,112,96", "3,0,0", "3,-1,-1", "1,2,3,4"]
)
def test_unusable_property(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"property: holds '.*293,112,112$"):
        open_image_set(write_list(tmp_path, "a.jpg 0", text))


@pytest.mark.parametrize("text", ["yunet+onet-1\n", "yunet+onet-1", "\ufeffyunet+onet-1\r\n"])
def test_the_aligner_of_a_set(tmp_path: Path, text: str) -> None:
    assert read_aligner(tmp_path) is None
    (tmp_path / "aligner.txt").write_bytes(text.encode())
    assert read_aligner(tmp_path) == "yunet+onet-1"


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"yunet+onet-1\nmtcnn+onet-1\n", b"\x1b[31myunet", b"\xff\xfe", b"\0", b"y" * 10**7],
)
def test_an_aligner_that_is_no_line_of_text(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "aligner.txt").write_bytes(data)
    with pytest.raises(DataError) as raised:
        read_aligner(tmp_path)
    assert raised.value.path == str(tmp_path / "aligner.txt")
    assert len(str(raised.value).removeprefix(str(tmp_path))) < 120 and str(raised.value).isprintable()


def test_all_kinds_of_set_pass_over_the_aligner(tmp_path: Path) -> None:
    put(tmp_path / "list" / "a.jpg", encoded(crop(1, 96)))
    write_list(tmp_path / "list", "a.jpg 0", "1,96,96")
    write_record_set(tmp_path / "records", [(0, encoded(crop(1, 96)))], num_classes=1, size=96)
    put(tmp_path / "folders" / "Ada" / "a.jpg", encoded(crop(1, 96)))
    for name in ("list", "records", "folders"):
        (tmp_path / name / "aligner.txt").write_text("yunet+onet-1\n")
        images = open_image_set(tmp_path / name)
        assert (len(images), images.num_classes, images.unreadable) == (1, 1, {})
    assert len(open_image_set(tmp_path / "folders", labelled=False)) == 1
    assert people_in(tmp_path / "folders", endings=("",)) == {"Ada": ["a.jpg"]}
