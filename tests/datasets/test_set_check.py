"""What a check finds in a set."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from sface.datasets import check, convert, open_image_set
from sface.datasets.encoded import encode_jpeg
from sface.errors import UsageError
from sface.output import Output


def put(path: Path, value: int, size: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, dtype=np.uint8)).save(path)


def listed(folder: Path, pictures: list[tuple[int, int]]) -> Path:
    """A set of four people: value and label of each picture."""
    for number, (value, _) in enumerate(pictures):
        put(folder / f"{number}.png", value)
    (folder / "imgs.txt").write_text("".join(f"{number}.png {label}\n" for number, (_, label) in enumerate(pictures)))
    (folder / "property").write_text("4,16,16")
    return folder


def test_a_sound_set(tmp_path: Path) -> None:
    listed(tmp_path, [(number, 3 if number < 30 else number % 2) for number in range(50)])
    found = check(str(tmp_path))
    assert found.class_sizes.tolist() == [10, 10, 0, 30]
    assert (found.unreadable, found.within, found.across, found.refused) == ({}, [], [], False)
    assert (found.images.root, len(found.images), found.plot) == (tmp_path, 50, None)


def test_progress_and_the_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sface.progress.SECONDS_BETWEEN_NOTES", -1)
    listed(tmp_path / "set", [(number, number % 4) for number in range(5)])
    found = check(tmp_path / "set", plot=str(tmp_path / "sizes.PNG"), output=Output())
    assert found.to_dict()["plot"] == str(tmp_path / "sizes.PNG")
    with Image.open(tmp_path / "sizes.PNG") as picture:
        assert picture.format == "PNG"
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1] == "5 of 5 images"
    check(tmp_path / "set")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(UsageError, match=r"plot sizes\.pdf: name a file that ends with \.png"):
        check(tmp_path / "set", plot="sizes.pdf")


def test_equal_pictures(tmp_path: Path) -> None:
    folder = listed(tmp_path, [(1, 0), (2, 0), (3, 0), (2, 0), (4, 1), (3, 2), (3, 2), (5, 1), (2, 0)])
    Image.open(tmp_path / "1.png").save(tmp_path / "3.bmp")  # the same pixels in another file format
    (tmp_path / "3.bmp").rename(tmp_path / "3.png")
    found = check(folder)
    assert found.within == [[1, 3, 8]]
    assert found.across == [[2, 5, 6]]


@pytest.mark.parametrize(("bad", "refused"), [([], False), ([33], False), ([0, 199], False), ([0, 33, 199], True)])
def test_pictures_that_cannot_be_read(tmp_path: Path, bad: list[int], refused: bool) -> None:
    folder = listed(tmp_path, [(number, number % 4) for number in range(200)])
    for number in bad[:2]:
        (tmp_path / f"{number}.png").write_bytes(b"")
    for number in bad[2:]:
        put(tmp_path / f"{number}.png", 1, size=20)
    found = check(folder)
    assert list(found.unreadable) == bad
    assert all(f"/{number}.png: " in why for number, why in found.unreadable.items())
    assert found.refused is refused
    assert found.within == found.across == []  # unreadable ones don't equal each other
    assert found.class_sizes.tolist() == [50, 50, 50, 50]


@pytest.mark.parametrize("layout", ["images", "records"])
def test_jpegs_in_which_data_is_missing(tmp_path: Path, layout: Literal["images", "records"]) -> None:
    """They have an end marker, and OpenCV paints them grey where it is missing."""
    pytest.importorskip("simplejpeg")
    listed(tmp_path / "set", [(number, number % 4) for number in range(200)])
    generator = np.random.default_rng(0)
    for number in range(200):
        jpeg = encode_jpeg(generator.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        missing = {33: 20, 34: 100, 35: 200}.get(number, 0)
        (tmp_path / "set" / f"{number}.png").write_bytes(jpeg[: len(jpeg) - 2 - missing] + b"\xff\xd9")
    convert(tmp_path / "set", tmp_path / "converted", layout)
    found = check(tmp_path / "converted")
    assert found.refused
    assert len(found.unreadable) == 3
    for index, why in found.unreadable.items():
        assert why.startswith(f"{found.images.where(index)}: is damaged or truncated (Corrupt JPEG data: premature end")


def test_a_given_set_with_holes(shared: Path) -> None:
    pytest.importorskip("simplejpeg")
    folder = shared.parent / "cases" / "people" / "in" / "holeset"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found = check(folder)
    assert found.unreadable
    assert all("is damaged or truncated" in why for why in found.unreadable.values())


def test_a_real_set(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    found = check(images.root)
    assert (found.class_sizes.sum(), found.class_sizes.min(), found.class_sizes.max()) == (6197, 2, 54)
    assert (found.unreadable, found.refused) == ({}, False)
    assert (len(found.within), len(found.across)) == (1, 10)
    for first, second in found.within + found.across:
        assert np.array_equal(images.image(first), images.image(second))
