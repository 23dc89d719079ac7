"""The loader without processes of its own: the same batches whatever the ranks, exact resume, damaged images."""

import copy
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sface.datasets.image_sets import ImageSet, open_image_set
from sface.errors import DataError, UsageError
from sface.runtime.opencv import cv2
from sface.train.config import AugmentConfig
from sface.train.loading.loader import Batch, Loader

from ...datasets.write_recordio import write_set

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


def batches_of(loader: Loader, number: int, start: int = 0) -> Iterator[Batch]:
    """The batches of epoch `number` from `start` on."""
    first = number * loader.batches_per_epoch
    return loader.batches(first + start, first + loader.batches_per_epoch)


def epoch_of(loader: Loader, number: int, start: int = 0) -> list[list[tuple[int, bool]]]:
    return [numbers_and_flips(batch) for batch in batches_of(loader, number, start)]


def test_a_real_epoch(shared: Path) -> None:
    images = open_image_set(shared / "faces_celeba293_112x112")
    loader = Loader(images, batch_size=256, seed=1337)
    assert loader.batches_per_epoch == 24
    count = 0
    for batch in batches_of(loader, 0):
        assert batch.images.shape == (256, 112, 112, 3)
        assert batch.images.dtype == np.uint8
        assert batch.targets.shape == (256,)
        assert batch.targets.dtype == np.int32
        count += 1
    assert count == 24
    assert loader.unreadable == {}


def test_every_picture_at_most_once_with_its_label(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=32, seed=1)
    assert loader.batches_per_epoch == 3
    seen = []
    for batch in batches_of(loader, 0):
        found = numbers_and_flips(batch)
        assert batch.targets.tolist() == [(number - 1) // 4 for number, _ in found]
        seen += [number for number, _ in found]
    assert len(seen) == len(set(seen)) == 96


def test_half_of_the_pictures_are_mirrored(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=60, seed=1)
    flips = [flip for epoch in range(10) for batch in epoch_of(loader, epoch) for _, flip in batch]
    assert len(flips) == 1200
    assert 530 <= sum(flips) <= 670  # 4 standard deviations


def test_the_plan_that_runs_have_been_made_with(numbers: ImageSet) -> None:
    for epoch in (0, 7):
        random = np.random.Generator(np.random.PCG64([1337, epoch]))
        order, mirrored = random.permutation(COUNT), random.random(COUNT) < 0.5
        found = [item for batch in epoch_of(Loader(numbers, batch_size=40, seed=1337), epoch) for item in batch]
        assert found == [(int(index) + 1, bool(flip)) for index, flip in zip(order, mirrored, strict=True)]


def test_steps_are_counted_over_all_epochs(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=40, seed=1)
    whole = [(batch.epoch, numbers_and_flips(batch)) for batch in loader.batches(0, 9)]
    assert [epoch for epoch, _ in whole] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [(batch.epoch, numbers_and_flips(batch)) for batch in loader.batches(2, 7)] == whole[2:7]
    assert list(loader.batches(5, 5)) == []


def test_time_spent_decoding_adds_up(numbers: ImageSet) -> None:
    loader = Loader(numbers, batch_size=40, seed=1)
    assert loader.waited == 0
    start, readings = time.perf_counter(), []
    for _ in loader.batches(0, 3):
        readings.append(loader.waited)
        time.sleep(0.05)  # the receiver's own time is not waited for
    assert 0 < readings[0] < readings[1] < readings[2] < time.perf_counter() - start - 0.15


def test_order_depends_on_seed_and_epoch(numbers: ImageSet) -> None:
    runs = [
        epoch_of(Loader(numbers, batch_size=60, seed=seed), epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0), (0, 1))
    ]
    assert all(runs[a] != runs[b] for a in range(4) for b in range(a))
    assert runs[1] == epoch_of(Loader(numbers, batch_size=60, seed=1), 1)


@pytest.mark.parametrize("option", ["crop", "lowres", "color"])
def test_augmentation_changes_its_share_of_the_pictures(numbers: ImageSet, option: str) -> None:
    def pictures(probability: float) -> npt.NDArray[np.uint8]:
        loader = Loader(numbers, batch_size=60, seed=1, augment=AugmentConfig(**{option: probability}))
        return np.concatenate([batch.images.copy() for batch in loader.batches(0, 20)])

    plain = pictures(0)
    some, each = ((pictures(probability) != plain).any(axis=(1, 2, 3)).mean() for probability in (0.25, 1))
    assert each > 0.3  # so simple and small a picture may look the same at a lower resolution
    assert 0.7 < some / (0.25 * each) < 1.3
    assert np.array_equal(pictures(0.25), pictures(0.25))


def test_augmentation_is_the_same_for_any_number_of_ranks_and_differs_between_epochs(numbers: ImageSet) -> None:
    augment = AugmentConfig(crop=0.5, lowres=0.5, color=0.5)

    def pictures(seed: int, first: int, rank: int = 0, ranks: int = 1) -> list[npt.NDArray[np.uint8]]:
        loader = Loader(numbers, batch_size=60, seed=seed, rank=rank, ranks=ranks, augment=augment)
        return [batch.images.copy() for batch in loader.batches(first, first + 2)]

    whole = pictures(1, 2)
    shares = [pictures(1, 2, rank, 3) for rank in range(3)]
    assert all(np.array_equal(np.concatenate(parts), batch) for *parts, batch in zip(*shares, whole, strict=True))
    # One picture, mirrored or not, is changed in as many ways as there are epochs and seeds.
    same = listed_once(numbers)
    ways = {
        batch.images[place].tobytes()
        for seed in (1, 2)
        for batch in Loader(same, batch_size=4, seed=seed, augment=AugmentConfig(color=1)).batches(0, 3)
        for place in range(4)
    }
    assert len(ways) == 24


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

    def counted(index: int, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        decoded.append(index)
        return image(index, out)

    monkeypatch.setattr(numbers, "image", counted)
    assert len(list(batches_of(Loader(numbers, batch_size=12, seed=1), 0, start=7))) == 3
    assert len(decoded) == 36


def test_a_receiver_that_writes_into_a_batch_changes_no_other(numbers: ImageSet) -> None:
    expected = epoch_of(Loader(numbers, batch_size=60, seed=1), 0)
    batches = []
    for batch in batches_of(Loader(numbers, batch_size=60, seed=1), 0):
        batches.append(numbers_and_flips(batch))
        batch.images[:] = 0
        batch.targets[:] = 0
    assert batches == expected
    assert epoch_of(Loader(numbers, batch_size=60, seed=1), 0) == expected


def listed_once(images: ImageSet) -> ImageSet:
    """A set of four times the same picture."""
    same = copy.copy(images)
    same.labels = images.labels[:4]
    same.image = lambda index, out=None: images.image(99, out)  # type: ignore[method-assign]
    return same


def damaged(folder: Path, target: Path, numbers: list[int]) -> ImageSet:
    """A copy of the set in which the magic words of some records are gone."""
    shutil.copytree(folder, target, dirs_exist_ok=True)
    data = bytearray((target / "train.rec").read_bytes())
    offsets = [int(line.split()[1]) for line in (target / "train.idx").read_text().splitlines()]
    for number in numbers:
        data[offsets[number]] ^= 0xFF
    (target / "train.rec").write_bytes(data)
    return open_image_set(target)


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
    for batch in batches_of(loader, 1):
        assert batch.targets.tolist() == [(item - 1) // 4 for item, _ in numbers_and_flips(batch)]
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
        list(Loader(images, batch_size=50, seed=1).batches(0, 5))


def test_set_of_pictures_of_another_size(tmp_path: Path) -> None:
    listed(tmp_path, 20, {})
    (tmp_path / "property").write_text("1,112,112")
    images = open_image_set(tmp_path)
    with pytest.raises(DataError, match=r"\.png: 16x16 pixels, but property says 112x112"):
        next(Loader(images, batch_size=10, seed=1).batches(0, 5))


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
    with pytest.raises(UsageError, match=r"^num_workers -1: must be 0 or more"):
        Loader(numbers, batch_size=1, seed=1, workers=-1)
