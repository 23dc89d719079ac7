"""The loader: the same batches whatever the ranks, exact resume, damaged images."""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.errors import DataError, UsageError
from sface.opencv import cv2
from sface.train.image_sets import ImageSet, open_image_set
from sface.train.loader import Batch, Loader

from .write_recordio import write_set

COUNT = 120


def number_crop(number: int) -> npt.NDArray[np.uint8]:
    """A 16x16 picture that says its number, and which side is left, in its pixels."""
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    image[:, :8] = number
    image[:, 8:, 2] = 255
    return image


def numbers_and_flips(batch: Batch) -> list[tuple[int, bool]]:
    """Which pictures a batch holds, and whether each is mirrored."""
    found = []
    for image in batch.images:
        flipped = bool(image[0, 0, 2] == 255 and image[0, 0, 0] == 0 and image[0, 15, 2] != 255)
        upright = image[:, ::-1] if flipped else image
        assert np.array_equal(upright, number_crop(int(upright[0, 0, 0])))
        found.append((int(upright[0, 0, 0]), flipped))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 120 pictures; picture i, counted from 1, has the number i and the label (i - 1) // 4."""
    folder = tmp_path_factory.mktemp("numbers")
    images = [cv2.imencode(".png", number_crop(number)[:, :, ::-1])[1].tobytes() for number in range(1, COUNT + 1)]
    write_set(folder, images, [number // 4 for number in range(COUNT)], size=16)
    return folder


@pytest.fixture(scope="module")
def numbers(folder: Path) -> ImageSet:
    return open_image_set(folder)


def epoch_of(loader: Loader, number: int, start: int = 0) -> list[list[tuple[int, bool]]]:
    return [numbers_and_flips(batch) for batch in loader.epoch(number, start)]


def test_a_real_epoch(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    loader = Loader(images, batch_size=256, seed=1337)
    assert loader.batches_per_epoch == 24
    count = 0
    for batch in loader.epoch(0):
        assert batch.images.shape == (256, 112, 112, 3)
        assert batch.images.dtype == np.uint8
        assert batch.labels.shape == (256,)
        assert batch.labels.dtype == np.int32
        count += 1
    assert count == 24
    assert loader.unreadable == {}


def test_every_picture_at_most_once_with_its_label(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=32, seed=1)
    assert loader.batches_per_epoch == 3
    seen = []
    for batch in loader.epoch(0):
        found = numbers_and_flips(batch)
        assert batch.labels.tolist() == [(number - 1) // 4 for number, _ in found]
        seen += [number for number, _ in found]
    assert len(seen) == len(set(seen)) == 96


def test_half_of_the_pictures_are_mirrored(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=60, seed=1)
    flips = [flip for epoch in range(10) for batch in epoch_of(loader, epoch) for _, flip in batch]
    assert len(flips) == 1200
    assert 530 <= sum(flips) <= 670  # 4 standard deviations


def test_order_depends_on_seed_and_epoch(numbers: ImageSet) -> None:
    runs = [
        epoch_of(Loader(numbers, batch_size=60, seed=seed), epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0), (0, 1))
    ]
    assert all(runs[a] != runs[b] for a in range(4) for b in range(a))
    assert runs[1] == epoch_of(Loader(numbers, batch_size=60, seed=1), 1)


@settings(deadline=None)  # a busy machine is no fault
@given(
    ranks=st.sampled_from([1, 2, 3, 4, 6, 12]),
    batch_size=st.sampled_from([12, 24, 60]),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 200),
    start=st.integers(0, 10),
)
def test_ranks_and_resume_change_nothing(
    numbers: ImageSet, ranks: int, batch_size: int, seed: int, epoch: int, start: int
) -> None:
    whole = epoch_of(Loader(numbers, batch_size=batch_size, seed=seed), epoch)
    shares = [
        epoch_of(Loader(numbers, batch_size=batch_size, seed=seed, rank=rank, ranks=ranks), epoch, start)
        for rank in range(ranks)
    ]
    joined = [[item for share in batch for item in share] for batch in zip(*shares, strict=True)]
    assert joined == whole[start:]


def test_earlier_batches_are_not_decoded(numbers: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    image = numbers.image

    def counted(index: int) -> npt.NDArray[np.uint8]:
        decoded.append(index)
        return image(index)

    monkeypatch.setattr(numbers, "image", counted)
    assert len(list(Loader(numbers, batch_size=12, seed=1).epoch(0, start=7))) == 3
    assert len(decoded) == 36


def test_batches_belong_to_the_receiver(numbers: ImageSet) -> None:
    expected = epoch_of(Loader(numbers, batch_size=60, seed=1), 0)
    batches = []
    for batch in Loader(numbers, batch_size=60, seed=1).epoch(0):
        batches.append(numbers_and_flips(batch))
        batch.images[:] = 0
        batch.labels[:] = 0
    assert batches == expected
    assert epoch_of(Loader(numbers, batch_size=60, seed=1), 0) == expected


def damaged(folder: Path, copy: Path, numbers: list[int]) -> ImageSet:
    """A copy of the set in which the magic words of some records are gone."""
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    data = bytearray((copy / "train.rec").read_bytes())
    offsets = [int(line.split()[1]) for line in (copy / "train.idx").read_text().splitlines()]
    for number in numbers:
        data[offsets[number]] ^= 0xFF
    (copy / "train.rec").write_bytes(data)
    return open_image_set(copy)


@pytest.mark.parametrize(("number", "instead"), [(50, 51), (COUNT, 1)])
def test_a_damaged_record_is_replaced_by_the_next(
    folder: Path, numbers: ImageSet, tmp_path: Path, number: int, instead: int
) -> None:
    loader = Loader(damaged(folder, tmp_path, [number]), batch_size=60, seed=1)
    assert list(loader.unreadable) == [number - 1]
    sound = epoch_of(Loader(numbers, batch_size=60, seed=1), 0)
    assert any(item[0] == number for batch in sound for item in batch)
    replaced = [[(instead if item == number else item, flip) for item, flip in batch] for batch in sound]
    assert epoch_of(loader, 0) == replaced
    for batch in loader.epoch(1):
        assert batch.labels.tolist() == [(item - 1) // 4 for item, _ in numbers_and_flips(batch)]
    assert list(loader.unreadable) == [number - 1]


def test_more_than_one_percent_of_damaged_records(folder: Path, tmp_path: Path) -> None:
    images = damaged(folder, tmp_path, [7, 8])
    with pytest.raises(
        DataError, match=r"2 of 120 images can't be read, more than 1%.*record 7 is.*record 8 is"
    ) as raised:
        Loader(images, batch_size=60, seed=1)
    assert "\n" not in str(raised.value)


def listed(folder: Path, count: int, bad: dict[int, bytes]) -> ImageSet:
    """A set in imgs.txt layout; picture i has the number i % 250, unless `bad` has its bytes."""
    for number in range(count):
        good = cv2.imencode(".png", number_crop(number % 250)[:, :, ::-1])[1].tobytes()
        (folder / f"{number}.png").write_bytes(bad.get(number, good))
    (folder / "imgs.txt").write_text("".join(f"{number}.png 0\n" for number in range(count)))
    (folder / "property").write_text("1,16,16")
    return open_image_set(folder)


def test_damaged_pictures_are_counted_once_as_they_turn_up(tmp_path: Path) -> None:
    loader = Loader(listed(tmp_path, 250, {10: b"text", 11: b""}), batch_size=50, seed=1)
    assert loader.unreadable == {}
    for epoch in range(3):
        seen = [number for batch in epoch_of(loader, epoch) for number, _ in batch]
        assert len(seen) == 250
        assert seen.count(12) == 3  # itself, and for both damaged ones
    assert sorted(loader.unreadable) == [10, 11]
    assert "10.png: not an image" in loader.unreadable[10]
    assert "11.png: empty" in loader.unreadable[11]


def test_more_than_one_percent_of_damaged_pictures(tmp_path: Path) -> None:
    images = listed(tmp_path, 250, {10: b"text", 110: b"text", 210: b"text"})
    with pytest.raises(DataError, match=r"3 of 250 images can't be read, more than 1%; get the set again or mend it"):
        list(Loader(images, batch_size=50, seed=1).epoch(0))


def test_set_of_pictures_of_another_size(tmp_path: Path) -> None:
    listed(tmp_path, 20, {})
    (tmp_path / "property").write_text("1,112,112")
    images = open_image_set(tmp_path)
    with pytest.raises(DataError, match=r"\.png: 16x16 pixels, but property says 112x112"):
        next(Loader(images, batch_size=10, seed=1).epoch(0))


def test_batches_that_do_not_fit(numbers: ImageSet) -> None:
    assert Loader(numbers, batch_size=COUNT, seed=1).batches_per_epoch == 1
    with pytest.raises(UsageError, match="120 images can't fill a batch of 121: choose a smaller one"):
        Loader(numbers, batch_size=COUNT + 1, seed=1)
    with pytest.raises(UsageError, match="a batch of 64 can't be shared out evenly over 3 ranks"):
        Loader(numbers, batch_size=64, seed=1, ranks=3)
    with pytest.raises(UsageError, match="a batch of 0 "):
        Loader(numbers, batch_size=0, seed=1)
    with pytest.raises(UsageError, match="the seed -1 is negative"):
        Loader(numbers, batch_size=1, seed=-1)
