"""The picture of a set's class sizes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sface.datasets.class_size_plot import plot_class_sizes
from sface.errors import StorageError


def drawn(path: Path, sizes: list[int], title: str = "set") -> bytes:
    plot_class_sizes(np.array(sizes), title, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == (1200, 450)
    return path.read_bytes()


@pytest.mark.parametrize("sizes", [[0], [1], [5] * 10, [0, 10_000], list(range(3000))])
def test_sizes_of_all_kinds(tmp_path: Path, sizes: list[int]) -> None:
    drawn(tmp_path / "sizes.png", sizes, "张 $x$ {}")
    assert list(tmp_path.iterdir()) == [tmp_path / "sizes.png"]


def test_the_picture_shows_the_sizes(tmp_path: Path) -> None:
    path = tmp_path / "sizes.png"
    pictures = [drawn(path, sizes) for sizes in ([1, 2, 3], [1, 2, 4], [1, 2, 3])]
    assert pictures[0] == pictures[2] != pictures[1]
    assert drawn(path, [1, 2, 3], "another") != pictures[0]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"sizes\.png: could not be written"):
        plot_class_sizes(np.array([1, 2]), "set", tmp_path / "file" / "sizes.png")
