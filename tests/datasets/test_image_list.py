"""Training sets listed in imgs.txt, sound and unsound, and writing them."""

from pathlib import Path

import numpy as np
import pytest

from sface.datasets.image_list import fill_with_images
from sface.datasets.image_sets import open_image_set
from sface.errors import DataError

from .small_sets import crop, encoded, put, write_list


def test_lines_with_spaces_tabs_unicode_and_windows_ends(tmp_path: Path) -> None:
    names = ["a b/c d.jpg", "张 三/ü 1.jpg", "tab.jpg", "line\u2028separator.jpg", "7", "deep/./x.jpg"]
    for number, name in enumerate(names):
        put(tmp_path / name, encoded(crop(number)))
    ends = [" 0\r\n", "\t1\r\n", " \t 2 \r\n\r\n", "  0\n", " 1\n\n", " 2"]
    text = "".join(name + end for name, end in zip(names, ends, strict=True))
    images = open_image_set(write_list(tmp_path, b"\xef\xbb\xbf" + text.encode(), "3,112,112\r\n"))
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]
    for index in range(len(names)):
        assert abs(images.image(index).astype(int) - crop(index)).mean() < 20


def test_absolute_and_detouring_paths_inside_the_folder(tmp_path: Path) -> None:
    put(tmp_path / "people/a.jpg", encoded(crop(1)))
    images = open_image_set(write_list(tmp_path, f"{tmp_path}/people/a.jpg 0\nelsewhere/../people/a.jpg 1"))
    assert np.array_equal(images.image(0), images.image(1))


@pytest.mark.parametrize(
    "path", ["../a.jpg", "people/../../set2/a.jpg", "/etc/passwd", "{root}2/a.jpg", "{root}/../a.jpg"]
)
def test_paths_that_leave_the_folder(tmp_path: Path, path: str) -> None:
    root = tmp_path / "set"
    root.mkdir()
    write_list(root, f"ok.jpg 0\n{path.format(root=root)} 0\n")
    with pytest.raises(DataError, match=r"imgs\.txt: line 2: .* is outside .*; list only files inside the folder"):
        open_image_set(root)


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg one", "a.jpg 1.5", "a.jpg 1 b", "5"])
def test_lines_that_say_nothing(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: line 3: .* is not a path, white space and a whole number"):
        open_image_set(write_list(tmp_path, f"a.jpg 0\n\n{line}\n"))


@pytest.mark.parametrize("label", [-1, 3, 10**12])
def test_labels_beyond_the_classes(tmp_path: Path, label: int) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: line 2: label .* says 3 classes, so labels from 0 to 2"):
        open_image_set(write_list(tmp_path, f"a.jpg 2\nb.jpg {label}\n"))


@pytest.mark.parametrize("text", [b"", b"\n \r\n"])
def test_list_without_images(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: lists no image; each line is"):
        open_image_set(write_list(tmp_path, text))


def test_list_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: not UTF-8 text \(byte 1\)"):
        open_image_set(write_list(tmp_path, "jürgen.jpg 0".encode("latin-1")))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    files = {name: encoded(crop(number)) for number, name in enumerate(["Ann/1.jpg", "Ann/ü 2.jpg", "Bob/1.jpg"])}
    images = [(name, int(name.startswith("Bob")), data) for name, data in files.items()]
    fill_with_images(tmp_path, iter(images), num_classes=2, size=112)
    assert (tmp_path / "imgs.txt").read_bytes() == "Ann/1.jpg\t0\nAnn/ü 2.jpg\t0\nBob/1.jpg\t1\n".encode()
    assert (tmp_path / "property").read_bytes() == b"2,112,112\n"
    listed = open_image_set(tmp_path)
    assert (listed.num_classes, listed.size, listed.labels.tolist()) == (2, 112, [0, 0, 1])
    assert [listed.encoded(index) for index in range(3)] == list(files.values())
