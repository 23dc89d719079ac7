"""The comparisons of a bin file against the plain protocol, and who is found to be on its images."""

import pickle
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from sface.errors import DataError, ImageError
from sface.evaluate.crop_embedder import CropEmbedder, Embed
from sface.evaluate.figures.measure import measure
from sface.evaluate.protocols.bin_comparisons import compare_bin, linked_people
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.ten_fold_verification import pair_distances, verify

SIZE, PEOPLE, PHOTOS, PAIRS = 12, 9, 4, 70


def picture(person: int, photo: int) -> np.ndarray:
    """A lossless picture: noise, somewhat the same in all photos of a person."""
    common = np.random.default_rng(person).normal(128, 40, (SIZE, SIZE, 3))
    noise = np.random.default_rng([person, photo]).normal(0, 70, (SIZE, SIZE, 3))
    return (common + noise).clip(0, 255).astype(np.uint8)


def encoded(person: int, photo: int) -> bytes:
    return cv2.imencode(".png", picture(person, photo))[1].tobytes()


def written(folder: Path, images: Sequence[bytes], same: Sequence[bool], name: str = "small") -> BinSet:
    path = folder / f"{name}.bin"
    path.write_bytes(pickle.dumps((list(images), list(same))))
    return open_bin(path)


def drawn_pairs() -> tuple[list[tuple[int, int]], list[bool]]:
    """Person and photo of two images a pair, genuine and impostor by turns; most images are in several pairs."""
    generator = np.random.default_rng(0)
    images, same = [], []
    for pair in range(PAIRS):
        first, step = int(generator.integers(PEOPLE)), int(generator.integers(1, PEOPLE))
        photo, other = generator.permutation(PHOTOS)[:2].tolist()
        same.append(pair % 2 == 0)
        images += [(first, photo), (first if same[-1] else (first + step) % PEOPLE, other)]
    return images, same


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> BinSet:
    images, same = drawn_pairs()
    return written(tmp_path_factory.mktemp("bin"), [encoded(*image) for image in images], same)


PROJECTION = np.random.default_rng(1).normal(0, 1, (SIZE * SIZE * 3, 16))


def projected(images: np.ndarray) -> np.ndarray:
    """Not symmetric: a mirror image gives something else."""
    return ((images.reshape(len(images), -1) / 255 - 0.5) @ PROJECTION).astype(np.float32)


def embedder(embed: Embed = projected, *, batch: int = 64, flip: bool = True) -> CropEmbedder:
    return CropEmbedder(embed, "network", SIZE, batch, flip)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("batch", [2, 16, 64, 512])
def test_its_figures_are_those_of_the_plain_protocol(flip: bool, batch: int, small: BinSet) -> None:
    comparisons = compare_bin(embedder(flip=flip, batch=batch), small)
    plain = verify(projected, small, flip=flip)
    distances, _ = pair_distances(projected, small, 0, PAIRS, flip=flip)
    assert comparisons.similarity == pytest.approx(1 - distances / 2, abs=1e-12)
    assert comparisons.xnorm == pytest.approx(plain.xnorm, rel=1e-12)
    accuracy = measure(comparisons, draws=20).accuracy
    assert accuracy is not None
    assert (accuracy.value, accuracy.std, accuracy.threshold) == pytest.approx(
        (plain.accuracy, plain.std, plain.threshold), abs=1e-12
    )
    assert 0.6 < plain.accuracy < 1
    assert comparisons.name == "small"
    assert np.array_equal(comparisons.same, small.same)
    assert comparisons.protocol.startswith(f"70 pairs of small.bin in its order, {'' if flip else 'no '}mirror images")


def test_by_default_mirror_images_are_added(small: BinSet) -> None:
    default = compare_bin(CropEmbedder(projected, "network", SIZE), small)
    without = compare_bin(embedder(flip=False), small)
    assert np.array_equal(default.similarity, compare_bin(embedder(), small).similarity)
    assert np.abs(default.similarity - without.similarity).max() > 1e-2


def test_equal_images_are_embedded_once(small: BinSet) -> None:
    seen: list[bytes] = []
    shapes = set()

    def embed(images: np.ndarray) -> np.ndarray:
        shapes.add((images.shape, images.dtype, images.flags.c_contiguous))
        seen.extend(image.tobytes() for image in images)
        return projected(images)

    comparisons = compare_bin(embedder(embed, flip=False, batch=8), small)
    different = len(set(drawn_pairs()[0]))
    assert comparisons.photos == len(set(seen)) == different < 2 * PAIRS
    assert len(seen) == -(-different // 8) * 8  # the last batch is filled up
    assert shapes == {((8, SIZE, SIZE, 3), np.dtype(np.uint8), True)}
    assert comparisons.failed == 0


def test_progress_is_told_in_pairs(small: BinSet) -> None:
    told: list[int] = []

    def advance(count: int = 1, /) -> None:
        told.append(count)

    compare_bin(embedder(batch=16), small, advance=advance)
    assert told == [8] * 8 + [6]


def by_union(pairs: np.ndarray, same: np.ndarray) -> list[int]:
    """Who each image shows, by the lowest number of the images that are linked to it."""
    person = list(range(int(pairs.max()) + 1))
    for _ in person:
        for (first, second), genuine in zip(pairs.tolist(), same.tolist(), strict=True):
            if genuine:
                person[first] = person[second] = min(person[first], person[second])
    return person


@pytest.mark.parametrize("seed", range(20))
def test_people_are_those_that_genuine_pairs_link(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs, same = generator.integers(0, 30, (25, 2)), generator.random(25) < 0.6
    people, expected = linked_people(pairs, same), by_union(pairs, same)
    assert people.dtype == np.int32
    assert people.shape == (25, 2)
    for first, second in zip(people.ravel().tolist(), pairs.ravel().tolist(), strict=True):
        for other, image in zip(people.ravel().tolist(), pairs.ravel().tolist(), strict=True):
            assert (first == other) == (expected[second] == expected[image])


def test_people_of_a_set(small: BinSet) -> None:
    comparisons = compare_bin(embedder(), small)
    people = comparisons.people
    assert (people[small.same, 0] == people[small.same, 1]).all()
    assert (people[~small.same, 0] != people[~small.same, 1]).all()
    truth = np.array([person for person, _ in drawn_pairs()[0]])
    found = dict(zip(people.ravel().tolist(), truth.tolist(), strict=True))
    assert [found[number] for number in people.ravel().tolist()] == truth.tolist()  # nobody is two people
    assert PEOPLE <= len(found) < comparisons.photos
    assert "label" not in comparisons.protocol


def test_an_impostor_pair_of_one_person_is_told_and_counted_as_labelled(tmp_path: Path) -> None:
    images, same = drawn_pairs()
    images[2:4], same[1] = images[0:2], False  # the genuine pair before it again
    bin_set = written(tmp_path, [encoded(*image) for image in images], same)
    comparisons = compare_bin(embedder(), bin_set)
    assert comparisons.people[1, 0] == comparisons.people[1, 1]
    assert not comparisons.same[1]
    assert comparisons.protocol.endswith("1 impostor pair therefore too (a wrong label)")
    figures = measure(comparisons, draws=50)
    plain = verify(projected, bin_set)
    assert figures.accuracy is not None
    assert figures.accuracy.value == pytest.approx(plain.accuracy, abs=1e-12)


def test_one_image_throughout(tmp_path: Path) -> None:
    comparisons = compare_bin(embedder(), written(tmp_path, [encoded(0, 0)] * 24, [True, False] * 6))
    assert comparisons.photos == 1
    assert comparisons.similarity == pytest.approx(np.ones(12))
    assert comparisons.similarity.max() <= 1
    assert (comparisons.people == 0).all()
    figures = measure(comparisons, draws=20)
    assert (figures.people, figures.eer.low, figures.eer.high) == (1, 0, 1)


def broken(images: np.ndarray) -> np.ndarray:
    return np.full_like(projected(images), np.nan)


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        (broken, r"network: an embedding is not a number"),
        (lambda images: 0 * projected(images), r"network: the embedding of an image is 0"),
        (lambda images: projected(images)[1:], r"64 images gave embeddings of shape \(63, 16\)"),
    ],
)
def test_networks_that_can_not_be_measured(
    embed: Callable[[np.ndarray], np.ndarray], message: str, small: BinSet
) -> None:
    with pytest.raises(DataError, match=message):
        compare_bin(embedder(embed), small)


def test_images_and_batches_that_can_not_be_read(tmp_path: Path, small: BinSet) -> None:
    images, same = drawn_pairs()
    files = [encoded(*image) for image in images]
    files[100] = b"no picture"
    with pytest.raises(ImageError, match=r"small\.bin: image 100: not an image"):
        compare_bin(embedder(batch=16), written(tmp_path, files, same))
    with pytest.raises(ValueError, match="must be even"):
        compare_bin(embedder(batch=7), small)


@pytest.mark.slow
def test_a_real_set(shared: Path) -> None:
    """Colours and places of the pixels of small copies tell some people apart."""
    bin_set = open_bin(shared / "faces_celeba293_112x112" / "lfw.bin")

    def embed(images: np.ndarray) -> np.ndarray:
        small = np.stack([cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA) for image in images])
        return (small - small.mean(axis=(1, 2), keepdims=True)).reshape(len(images), -1).astype(np.float32)

    tracemalloc.start()
    try:
        comparisons = compare_bin(CropEmbedder(embed, "network"), bin_set)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6  # 7,701 vectors of 192 numbers; all images would be 450 MB
    distances, _ = pair_distances(embed, bin_set, 0, 300)
    assert comparisons.similarity[:300] == pytest.approx(1 - distances / 2, abs=1e-9)
    accuracy = measure(comparisons, draws=50).accuracy
    assert accuracy is not None
    assert 0.6 < accuracy.value < 0.75
    # LFW's View 2 has 7,701 images of 4,281 people; 1,680 people have more than one photo.
    assert (len(comparisons), comparisons.photos) == (6000, 7701)
    assert 4281 <= len(np.unique(comparisons.people)) < 5000
    assert 1680 <= len(np.unique(comparisons.people[comparisons.same])) < 2000
    assert (comparisons.people[~bin_set.same, 0] != comparisons.people[~bin_set.same, 1]).all()
