"""The file `property`, sound and unsound."""

from pathlib import Path

import pytest

from sface.datasets.image_sets import open_image_set
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
