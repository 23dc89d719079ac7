"""What a check finds in a set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sface.datasets.check import check_set

from sface.datasets.image_sets import ImageSet, open_image_set


def put(path: Path, value: int, size: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, dtype=np.uint8)).save(path)


def listed(folder: Path, pictures: list[tuple[int, int]]) -> ImageSet:
    """A set of four people: value and label of each picture."""
    for number, (value, _) in enumerate(pictures):
        put(folder / f"{number}.png", value)
    (folder / "imgs.txt").write_text("".join(f"{number}.png {label}\n" for number, (_, label) in enumerate(pictures)))
    (folder / "property").write_text("4,16,16")
    return open_image_set(folder)


def test_a_sound_set(tmp_path: Path) -> None:
    seen: list[int] = []
    found = check_set(
        listed(tmp_path, [(number, 3 if number < 30 else number % 2) for number in range(50)]), lambda: seen.append(1)
    )
    assert found.class_sizes.tolist() == [10, 10, 0, 30]
    assert (found.unreadable, found.within, found.across, found.refused) == ({}, [], [], False)
    assert len(seen) == 50


def test_equal_pictures(tmp_path: Path) -> None:
    images = listed(tmp_path, [(1, 0), (2, 0), (3, 0), (2, 0), (4, 1), (3, 2), (3, 2), (5, 1), (2, 0)])
    Image.open(tmp_path / "1.png").save(tmp_path / "3.bmp")  # the same pixels in another file format
    (tmp_path / "3.bmp").rename(tmp_path / "3.png")
    found = check_set(images, lambda: None)
    assert found.within == [[1, 3, 8]]
    assert found.across == [[2, 5, 6]]


@pytest.mark.parametrize(("bad", "refused"), [([], False), ([33], False), ([0, 199], False), ([0, 33, 199], True)])
def test_pictures_that_cannot_be_read(tmp_path: Path, bad: list[int], refused: bool) -> None:
    images = listed(tmp_path, [(number, number % 4) for number in range(200)])
    for number in bad[:2]:
        (tmp_path / f"{number}.png").write_bytes(b"")
    for number in bad[2:]:
        put(tmp_path / f"{number}.png", 1, size=20)
    found = check_set(images, lambda: None)
    assert list(found.unreadable) == bad
    assert all(f"/{number}.png: " in why for number, why in found.unreadable.items())
    assert found.refused is refused
    assert found.within == found.across == []  # unreadable ones don't equal each other
    assert found.class_sizes.tolist() == [50, 50, 50, 50]


def test_a_real_set(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    found = check_set(images, lambda: None)
    assert (found.class_sizes.sum(), found.class_sizes.min(), found.class_sizes.max()) == (6197, 2, 54)
    assert (found.unreadable, found.refused) == ({}, False)
    assert (len(found.within), len(found.across)) == (1, 10)
    for first, second in found.within + found.across:
        assert np.array_equal(images.image(first), images.image(second))
