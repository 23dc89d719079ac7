"""Training sets of all layouts: the same pictures, and what is wrong with a folder or a picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface.datasets.image_sets import open_image_set
from sface.errors import DataError, ImageError

from .small_sets import crop, encoded, put, write_list
from .write_recordio import write_set


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


def test_pictures_of_another_size(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", encoded(crop(1, 128)))
    put(tmp_path / "b.jpg", encoded(crop(1)[:, :96]))
    images = open_image_set(write_list(tmp_path, "a.jpg 0\nb.jpg 0"))
    for index, name, size in ((0, "a.jpg", "128x128"), (1, "b.jpg", "112x96")):
        with pytest.raises(ImageError, match=rf"{name}: {size} pixels, but property says 112x112"):
            images.image(index)


def test_pictures_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    for ending in (".jpg", ".png"):
        put(tmp_path / f"a{ending}", encoded(crop(1), ending))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(crop(1)).save(tmp_path / "turned.jpg", exif=exif)
    put(tmp_path / "small.jpg", encoded(crop(1)[:96]))
    images = open_image_set(write_list(tmp_path, "a.jpg 0\na.png 0\nturned.jpg 0\nsmall.jpg 0"))
    batch = np.zeros((4, 112, 112, 3), dtype=np.uint8)
    for index in range(3):
        slot = batch[index]
        assert images.image(index, slot) is slot
        assert np.array_equal(batch[index], images.image(index))
    with pytest.raises(ImageError, match="96x112 pixels, but property says 112x112"):
        images.image(3, batch[3])
    assert not batch[3].any()


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
