"""Training sets with imgs.txt and train.rec, sound and unsound."""

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sface.datasets.image_sets import open_image_set
from sface.datasets.records import RecordFile
from sface.errors import DataError, ImageError
from sface.runtime.opencv import cv2

from .write_recordio import content, write_numbered, write_set


def crop(seed: int, size: int = 112) -> npt.NDArray[np.uint8]:
    """A picture with a red left half and a blue right half, and some noise."""
    image = np.random.default_rng(seed).integers(0, 40, (size, size, 3), dtype=np.uint8)
    image[:, : size // 2, 0] += 200
    image[:, size // 2 :, 2] += 200
    return image


def encoded(image: npt.NDArray[np.uint8], ending: str = ".jpg", *options: int) -> bytes:
    return cv2.imencode(ending, image[:, :, ::-1], list(options))[1].tobytes()


def write_list(folder: Path, lines: str | bytes, prop: str = "3,112,112") -> Path:
    (folder / "property").write_text(prop)
    (folder / "imgs.txt").write_bytes(lines.encode() if isinstance(lines, str) else lines)
    return folder


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_real_records(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    assert (len(images), images.num_classes, images.size) == (6197, 293, 112)
    assert (images.name, images.kind, images.unreadable) == ("faces_celeba293_112x112", "train.rec", {})
    assert images.labels.dtype == np.int32
    assert np.array_equal(np.unique(images.labels), np.arange(293))
    image = images.image(0)
    assert image.shape == (112, 112, 3)
    assert image.dtype == np.uint8
    mean = np.mean([images.image(index).mean(axis=(0, 1)) for index in range(100)], axis=0)
    assert mean[0] > mean[2] + 20  # skin is redder than blue: the order is RGB


def test_both_layouts_hold_the_same(tmp_path: Path) -> None:
    files = [encoded(crop(seed)) for seed in range(4)]
    for number, file in enumerate(files):
        put(tmp_path / "listed" / f"{number}.jpg", file)
    (tmp_path / "recorded").mkdir()
    write_set(tmp_path / "recorded", files, [0, 2, 1, 2])
    listed = open_image_set(write_list(tmp_path / "listed", "0.jpg 0\n1.jpg 2\n2.jpg 1\n3.jpg 2\n"))
    recorded = open_image_set(tmp_path / "recorded")
    assert (listed.kind, recorded.kind) == ("imgs.txt", "train.rec")
    assert listed.labels.tolist() == recorded.labels.tolist() == [0, 2, 1, 2]
    assert listed.labels.dtype == recorded.labels.dtype == np.int32
    for index in range(4):
        assert np.array_equal(listed.image(index), recorded.image(index))


@pytest.mark.parametrize("ending", [".png", ".bmp", ".webp"])
def test_pixels_come_back_as_rgb(tmp_path: Path, ending: str) -> None:
    put(
        tmp_path / f"a{ending}",
        encoded(crop(1), ending, *((cv2.IMWRITE_WEBP_QUALITY, 101) if ending == ".webp" else ())),
    )
    image = open_image_set(write_list(tmp_path, f"a{ending} 0")).image(0)
    assert np.array_equal(image, crop(1))
    assert image.flags.writeable
    assert image.flags.c_contiguous


def test_grey_and_transparent_pictures(tmp_path: Path) -> None:
    Image.fromarray(crop(1)[:, :, 0]).save(tmp_path / "grey.jpg", quality=100)
    Image.fromarray(np.dstack([crop(1), np.full((112, 112), 99, np.uint8)])).save(tmp_path / "alpha.png")
    images = open_image_set(write_list(tmp_path, "grey.jpg 0\nalpha.png 1"))
    assert np.ptp(images.image(0).astype(int), axis=2).max() == 0
    assert np.array_equal(images.image(1), crop(1))


def test_agrees_with_pillow(shared: Path) -> None:
    folder = shared / "faces_celeba293_112x112"
    images, records = open_image_set(folder), RecordFile(folder / "train.rec", folder / "train.idx")
    for index in range(0, 6197, 300):
        theirs = np.asarray(Image.open(io.BytesIO(records.read(index)[1])).convert("RGB")).astype(int)
        assert np.abs(images.image(index) - theirs).max() <= 2


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


@pytest.mark.parametrize("label", [-1.0, 3.0, 0.5, float("nan"), float("inf")])
def test_labels_of_records_beyond_the_classes(tmp_path: Path, label: float) -> None:
    (tmp_path / "property").write_text("3,112,112")
    write_numbered(tmp_path, {number: content([value], b"x") for number, value in enumerate([2.0, label], start=1)})
    with pytest.raises(DataError, match=r"train\.rec: record 2: label .* says 3 classes, so labels from 0 to 2"):
        open_image_set(tmp_path)


def test_damaged_records_are_known_from_the_start(tmp_path: Path) -> None:
    offsets = write_set(tmp_path, [encoded(crop(seed)) for seed in range(3)], [0, 1, 2])
    data = bytearray((tmp_path / "train.rec").read_bytes())
    data[offsets[2] : offsets[2] + 4] = b"\0\0\0\0"
    (tmp_path / "train.rec").write_bytes(data)
    images = open_image_set(tmp_path)
    assert images.labels.tolist() == [0, -1, 2]
    assert list(images.unreadable) == [1]
    assert "train.rec: record 2 is damaged" in images.unreadable[1]
    with pytest.raises(ImageError, match="record 2 is damaged"):
        images.image(1)
    assert images.image(2).shape == (112, 112, 3)


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_jpeg_that_was_cut_off(tmp_path: Path, options: tuple[int, ...]) -> None:
    whole = encoded(crop(1), ".jpg", *options)
    put(tmp_path / "whole.jpg", whole + b"\0\0\0")  # some writers pad
    places = [3, 200, len(whole) // 2, len(whole) - 100, len(whole) - 2, len(whole) - 1]
    for place in places:
        put(tmp_path / f"{place}.jpg", whole[:place])
    images = open_image_set(write_list(tmp_path, "whole.jpg 0\n" + "".join(f"{place}.jpg 0\n" for place in places)))
    assert abs(images.image(0).astype(int) - crop(1)).mean() < 20
    for index, place in enumerate(places, start=1):
        with pytest.raises(ImageError, match=rf"/{place}\.jpg: a JPEG that was cut off"):
            images.image(index)


def test_jpeg_with_a_preview_that_was_cut_off(tmp_path: Path) -> None:
    """The preview in the header ends with the marker that the picture itself has lost."""
    preview, whole = encoded(crop(1, 16)), encoded(crop(2))
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    put(tmp_path / "whole.jpg", whole[:2] + segment + whole[2:])
    put(tmp_path / "cut.jpg", whole[:2] + segment + whole[2:-300])
    images = open_image_set(write_list(tmp_path, "whole.jpg 0\ncut.jpg 0"))
    assert images.image(0).shape == (112, 112, 3)
    with pytest.raises(ImageError, match=r"cut\.jpg: a JPEG that was cut off"):
        images.image(1)


def test_pictures_that_are_none(tmp_path: Path) -> None:
    put(tmp_path / "text.jpg", b"This is text.\n" * 200)
    put(tmp_path / "empty.jpg", b"")
    put(tmp_path / "cut.png", encoded(crop(1), ".png")[:2000])
    put(tmp_path / "markers.jpg", b"\xff\xd8\xff\xda\xff\xd9")
    put(tmp_path / "folder.jpg/inside", b"")
    names = ["text.jpg", "empty.jpg", "cut.png", "markers.jpg", "folder.jpg", "missing.jpg", "zero\0byte.jpg"]
    images = open_image_set(write_list(tmp_path, "".join(f"{name} 1\n" for name in names)))
    reasons = ["not an image", "empty", "damaged", "not an image", "Is a directory", "No such file", "null"]
    for index, (name, reason) in enumerate(zip(names, reasons, strict=True)):
        with pytest.raises(ImageError) as raised:
            images.image(index)
        assert str(raised.value).startswith(str(tmp_path / name))
        assert reason in str(raised.value)


def test_records_that_hold_no_picture(tmp_path: Path) -> None:
    write_set(tmp_path, [b"text", b"", encoded(crop(1))], [0, 1, 2])
    images = open_image_set(tmp_path)
    for index, reason in ((0, "not an image"), (1, "empty")):
        with pytest.raises(ImageError, match=rf"train\.rec: record {index + 1}: {reason}"):
            images.image(index)
    assert images.image(2).shape == (112, 112, 3)


def test_pictures_of_another_size(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", encoded(crop(1, 128)))
    put(tmp_path / "b.jpg", encoded(crop(1)[:, :96]))
    images = open_image_set(write_list(tmp_path, "a.jpg 0\nb.jpg 0"))
    for index, name, size in ((0, "a.jpg", "128x128"), (1, "b.jpg", "112x96")):
        with pytest.raises(ImageError, match=rf"{name}: {size} pixels, but property says 112x112"):
            images.image(index)


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


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        open_image_set(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds neither imgs\.txt nor train\.rec nor a folder per person; name"):
        open_image_set(tmp_path)
    (tmp_path / "imgs.txt").write_text("a.jpg 0")
    with pytest.raises(DataError, match="property: missing; write the line"):
        open_image_set(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        open_image_set(tmp_path / "imgs.txt")
    (tmp_path / "property").write_text("1,112,112")
    (tmp_path / "train.rec").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds both imgs\.txt and train\.rec"):
        open_image_set(tmp_path)
    (tmp_path / "imgs.txt").unlink()
    with pytest.raises(DataError, match=r"train\.idx: can't be opened"):
        open_image_set(tmp_path)


def test_the_folder_above_the_set(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_list(tmp_path / "set", "a.jpg 0")
    with pytest.raises(DataError, match=r"did you mean .*/set\?"):
        open_image_set(tmp_path)


@pytest.mark.parametrize("text", [b"", b"\n \r\n"])
def test_list_without_images(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: lists no image; each line is"):
        open_image_set(write_list(tmp_path, text))


def test_list_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imgs\.txt: not UTF-8 text \(byte 1\)"):
        open_image_set(write_list(tmp_path, "jürgen.jpg 0".encode("latin-1")))
