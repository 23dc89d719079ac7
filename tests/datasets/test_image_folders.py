"""Training sets with a folder per person, sound and unsound."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sface.datasets.image_sets import open_image_set
from sface.errors import DataError, ImageError
from sface.train.loading.loader import Loader

SIZE = 16


def crop(number: int, height: int = SIZE, width: int = SIZE) -> NDArray[np.uint8]:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:] = (number, 100, 200)
    return image


def put(path: Path, number: int = 0, height: int = SIZE, width: int = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(crop(number, height, width)).save(path)


@pytest.fixture
def three_people(tmp_path: Path) -> Path:
    """Ann with two pictures, Bob with one, 张三 with two: numbered in this order, which is not that of making them."""
    for number, name in enumerate(["张三/b.png", "Bob/1.bmp", "Ann B/2.PNG", "Ann B/10.webp", "张三/a.png"]):
        put(tmp_path / "set" / name, number)
    return tmp_path / "set"


def test_people_and_pictures_are_in_the_order_of_their_names(three_people: Path) -> None:
    images = open_image_set(three_people)
    assert (images.kind, images.name, images.num_classes, images.size) == ("folders", "set", 3, SIZE)
    assert images.labels.tolist() == [0, 0, 1, 2, 2]
    assert images.labels.dtype == np.int32
    names = [str(Path(images.where(index)).relative_to(three_people)) for index in range(len(images))]
    assert names == ["Ann B/10.webp", "Ann B/2.PNG", "Bob/1.bmp", "张三/a.png", "张三/b.png"]
    assert [int(images.image(index)[0, 0, 0]) for index in (1, 2, 3, 4)] == [2, 1, 4, 0]
    assert np.array_equal(images.image(2), crop(1))
    assert images.encoded(2) == (three_people / "Bob" / "1.bmp").read_bytes()


def test_what_is_no_picture_and_no_person_is_left_out(three_people: Path) -> None:
    expected = open_image_set(three_people)
    put(three_people / ".trash" / "old.png")
    put(three_people / "Ann B" / ".old.png")
    put(three_people / "cover.png")
    (three_people / ".hidden").write_text("")
    (three_people / "README.md").write_text("Three people.")
    (three_people / "Bob" / "Thumbs.db").write_bytes(b"\0")
    (three_people / "Bob" / ".thumbnails").mkdir()
    (three_people / "Aaron").mkdir()
    (three_people / "Alice").mkdir()
    (three_people / "Alice" / "notes.txt").write_text("no picture yet")
    images = open_image_set(three_people)
    assert images.labels.tolist() == expected.labels.tolist()
    assert [images.where(index) for index in range(5)] == [expected.where(index) for index in range(5)]
    assert images.num_classes == 3


def test_property_may_be_there_and_then_agrees(three_people: Path) -> None:
    (three_people / "property").write_text("3,16,16\n")
    assert open_image_set(three_people).num_classes == 3


@pytest.mark.parametrize("text", ["2,16,16", "4,16,16", "3,112,112"])
def test_property_that_contradicts_the_folders(three_people: Path, text: str) -> None:
    (three_people / "property").write_text(text)
    with pytest.raises(DataError, match=r"property: says . classes of .*, but 3 folders hold pictures, and .*Ann B/10"):
        open_image_set(three_people)


@pytest.mark.parametrize(("with_property", "said"), [(True, "property says"), (False, "the set's first has")])
def test_a_picture_of_another_size(three_people: Path, with_property: bool, said: str) -> None:
    if with_property:
        (three_people / "property").write_text("3,16,16")
    put(three_people / "Bob" / "1.bmp", 1, 20, 24)
    with pytest.raises(ImageError, match=rf"Bob/1\.bmp: 20x24 pixels, but {said} 16x16"):
        open_image_set(three_people).image(2)


def test_the_size_is_that_of_the_first_picture_that_can_be_read(three_people: Path) -> None:
    (three_people / "Ann B" / "10.webp").write_bytes(b"")
    (three_people / "Ann B" / "2.PNG").unlink()
    (three_people / "Ann B" / "2.PNG").symlink_to("nowhere.png")
    images = open_image_set(three_people)
    assert images.size == SIZE
    for index, reason in ((0, r"10\.webp: empty"), (1, r"2\.PNG: can't be read \(No such file")):
        with pytest.raises(ImageError, match=reason):
            images.image(index)


def test_photos_are_no_crops(three_people: Path) -> None:
    put(three_people / "Ann B" / "1.png", 1, 20, 24)
    with pytest.raises(DataError, match=r"Ann B/1\.png: 20x24 pixels; crops are square: cut the faces out first"):
        open_image_set(three_people)


def test_no_picture_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / "a.jpg").write_text("text")
    with pytest.raises(DataError, match=r"none of its 1 pictures can be read"):
        open_image_set(tmp_path)


def test_a_folder_of_another_depth(three_people: Path) -> None:
    with pytest.raises(DataError, match=r"set/Ann B: a folder in a person's folder; .* did you mean .*/set\?"):
        open_image_set(three_people.parent)
    with pytest.raises(DataError, match=r"nor a folder per person; put each person's pictures into a folder"):
        open_image_set(three_people / "Bob")
    (three_people / "Bob" / "more").mkdir()
    with pytest.raises(DataError, match=r"Bob/more: a folder in a person's folder"):
        open_image_set(three_people)


@pytest.mark.parametrize("name", ["property", "imgs.txt", "train.rec"])
def test_the_folder_above_another_kind_of_set(three_people: Path, name: str) -> None:
    (three_people / "Bob" / name).write_text("")
    with pytest.raises(DataError, match=r"did you mean .*/set/Bob\?"):
        open_image_set(three_people)


def test_links_are_followed(three_people: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    for person in three_people.iterdir():
        (tmp_path / "linked" / person.name).symlink_to(person)
    assert open_image_set(tmp_path / "linked").labels.tolist() == [0, 0, 1, 2, 2]


def test_another_process_reads_the_same(three_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(three_people)
    images = open_image_set(Path())
    sent = pickle.dumps(images)
    monkeypatch.chdir("/")
    received = pickle.loads(sent)
    assert all(np.array_equal(received.image(index), open_image_set(three_people).image(index)) for index in range(5))
    plain = Loader(open_image_set(three_people), batch_size=5, seed=1)
    expected = [batch.images.copy() for batch in plain.batches(0, 3)]
    with Loader(received, batch_size=5, seed=1, workers=1) as loader:
        for batch, pictures in zip(loader.batches(0, 3), expected, strict=True):
            assert np.array_equal(batch.images, pictures)
