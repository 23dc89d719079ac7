"""The accuracy with degraded pictures: the same computed picture by picture, and of a real network on real faces."""

import pickle
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.errors import DataError
from sface.evaluate.crop_embedder import CropEmbedder, Embed
from sface.evaluate.figures.accuracy_gain import accuracy_change
from sface.evaluate.figures.metrics import ten_fold_accuracy
from sface.evaluate.protocols.bin_comparisons import compare_bin
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.robustness.degradations import DEGRADATIONS, Degradation
from sface.evaluate.robustness.robustness import measure_robustness
from sface.infer import FaceEmbedder

from ...tiny_models import write_published_sface

PAIRS, SIZE, PEOPLE = 60, 16, 12


def write_bin(path: Path, images: NDArray[np.uint8], same: list[bool]) -> BinSet:
    """A verification set of the images (2P, S, S, 3), without loss."""
    encoded = [cv2.imencode(".png", image[:, :, ::-1])[1].tobytes() for image in images]
    path.write_bytes(pickle.dumps((encoded, same)))
    return open_bin(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> BinSet:
    """Coarse patterns, one a person, with noise."""
    generator = np.random.default_rng(0)
    patterns = generator.uniform(0, 255, (PEOPLE, 4, 4, 3))
    people = [(pair % PEOPLE, (pair + pair % 2) % PEOPLE) for pair in range(PAIRS)]
    images = [
        cv2.resize(patterns[person] + generator.normal(0, 45, (4, 4, 3)), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        for pair in people
        for person in pair
    ]
    same = [first == second for first, second in people]
    return write_bin(tmp_path_factory.mktemp("bin") / "small.bin", np.clip(images, 0, 255).astype(np.uint8), same)


PROJECTION = np.random.default_rng(1).normal(0, 1, (SIZE * SIZE * 3, 24))


def projected(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Not symmetric: a mirror image gives something else."""
    return ((images.reshape(len(images), -1) / 255 - 0.5) @ PROJECTION).astype(np.float32)


def embedder(embed: Embed = projected, *, batch: int = 64, flip: bool = True) -> CropEmbedder:
    return CropEmbedder(embed, "network", SIZE, batch, flip)


@pytest.mark.parametrize("flip", [True, False])
def test_it_equals_the_same_picture_by_picture(flip: bool, small: BinSet) -> None:
    def unit(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        pictures = [image, cv2.flip(image, 1)] if flip else [image]
        vector = np.sum([projected(picture[None])[0].astype(float) for picture in pictures], axis=0)
        return np.asarray(vector / np.sqrt((vector**2).sum()))

    clean = compare_bin(embedder(flip=flip, batch=16), small)
    rows = measure_robustness(embedder(flip=flip, batch=16), small, clean)
    assert [(row.degradation, row.level) for row in rows] == [
        ("none", ""),
        *((each.name, each.level) for each in DEGRADATIONS),
    ]
    images = small.images(0, PAIRS)
    as_it_is = Degradation("none", "", lambda crop, number: crop)
    for row, each in zip(rows, (as_it_is, *DEGRADATIONS), strict=True):
        pairs = [(unit(images[2 * pair]), unit(each.apply(images[2 * pair + 1], pair))) for pair in range(PAIRS)]
        expected = ten_fold_accuracy([((a - b) ** 2).sum() for a, b in pairs], small.same)
        assert row.accuracy.value == pytest.approx(expected.accuracy, abs=1e-9), each
        assert np.array_equal(row.accuracy.right, expected.right)
        assert row.change.value == pytest.approx(row.accuracy.value - rows[0].accuracy.value, abs=1e-12)
        assert row.change.low <= row.change.value <= row.change.high
        assert row.accuracy.low <= row.accuracy.value <= row.accuracy.high
    assert rows[0].accuracy.value > 0.85
    assert min(row.accuracy.value for row in rows) < 0.75


def test_what_changes_nothing(small: BinSet) -> None:
    nothing = Degradation("nothing", "at all", lambda crop, number: crop)
    clean = compare_bin(embedder(), small)
    as_it_is, row = measure_robustness(embedder(), small, clean, degradations=[nothing])
    assert (row.degradation, row.level) == ("nothing", "at all")
    assert np.array_equal(row.accuracy.right, as_it_is.accuracy.right)
    pairs = len({frozenset(pair) for pair in clean.people.tolist()})
    assert (row.change.low, row.change.value, row.change.high) == (-3 / pairs, 0, 3 / pairs)


def test_the_change_is_of_the_same_pairs_of_the_same_people(small: BinSet) -> None:
    """Its interval is that of the difference in each draw, whichever pairs the folds take."""
    folds = np.random.default_rng(3).permutation(PAIRS)[:50]
    clean = replace(compare_bin(embedder(), small), ten_folds=folds)
    severe = [each for each in DEGRADATIONS if each.level == "40 % covered"]
    as_it_is, row = measure_robustness(embedder(), small, clean, degradations=severe)
    difference: NDArray[np.float64] = row.accuracy.right.astype(float) - as_it_is.accuracy.right
    assert difference.any()
    assert row.change == accuracy_change(row.accuracy, as_it_is.accuracy, clean)
    number = {person: index for index, person in enumerate(np.unique(clean.people[folds]))}
    people = np.vectorize(number.get)(clean.people[folds])
    generator = np.random.default_rng(5)
    drawn = []
    for _ in range(4000):
        weights = np.bincount(generator.integers(len(number), size=len(number)), minlength=len(number))
        of_pair = np.where(people[:, 0] == people[:, 1], weights[people[:, 0]], weights[people].prod(axis=1))
        drawn.append((of_pair * difference).sum() / of_pair.sum())
    low, high = np.percentile(drawn, (2.5, 97.5))
    assert (row.change.low, row.change.high) == pytest.approx((low, high), abs=0.2 * (high - low))


def test_clean_pictures_are_embedded_once_and_pairs_are_counted(small: BinSet) -> None:
    clean = compare_bin(embedder(), small)
    seen: list[NDArray[np.uint8]] = []
    done: list[int] = []

    def embed(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(images)
        return projected(images)

    def advance(count: int = 1, /) -> None:
        done.append(count)

    chosen = DEGRADATIONS[:2]
    measure_robustness(embedder(embed, flip=False, batch=32), small, clean, degradations=chosen, advance=advance)
    assert [len(images) for images in seen] == [32] * 6  # 60 pairs are two batches
    assert done == [32, 28]
    firsts = np.concatenate([seen[0], seen[3][:28]])
    assert np.array_equal(firsts, small.images(0, PAIRS)[0::2])


def test_a_set_without_ten_folds_and_a_broken_network(small: BinSet) -> None:
    clean = compare_bin(embedder(), small)
    without = replace(clean, name="other", ten_folds=None)
    with pytest.raises(DataError, match=r"other: prescribes no ten folds"):
        measure_robustness(embedder(), small, without, degradations=DEGRADATIONS[:1])
    with pytest.raises(DataError, match=r"network: an embedding is not a number"):
        broken = embedder(lambda images: projected(images) * np.nan)
        measure_robustness(broken, small, clean, degradations=DEGRADATIONS[:1])


@pytest.mark.slow
def test_a_published_network_on_real_faces(shared: Path, tmp_path: Path) -> None:
    """The stronger, the worse."""
    lfw = open_bin(shared / "faces_celeba293_112x112" / "lfw.bin")
    pairs = [600 * fold + start + number for fold in range(10) for start in (0, 300) for number in range(3)]
    images = np.concatenate([lfw.images(pair, pair + 1) for pair in pairs])
    part = write_bin(tmp_path / "part.bin", images, lfw.same[pairs].tolist())
    embedder = FaceEmbedder(write_published_sface(shared, tmp_path / "sface.onnx"), preprocess="raw", threads=1)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return embedder.embed(crops).unit

    network = CropEmbedder(embed, "network", batch=20, flip=False)
    clean = compare_bin(network, part)
    chosen = [each for each in DEGRADATIONS if each.name in ("downscaling", "noise")]
    as_it_is, *rows = measure_robustness(network, part, clean, degradations=chosen)
    assert as_it_is.accuracy.value >= 0.98
    for _, of_name in groupby(rows, lambda row: row.degradation):
        accuracies = [as_it_is.accuracy.value, *(row.accuracy.value for row in of_name)]
        assert all(severe <= mild + 0.02 for mild, severe in pairwise(accuracies)), accuracies
        assert accuracies[-1] <= accuracies[0] - 0.05
    assert rows[-1].change.high < 0  # severe noise
