"""The protocol of verification, against the same computed in another way."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sface.errors import DataError
from sface.evaluate.protocols.bin_sets import BinSet, open_bin
from sface.evaluate.ten_fold_verification import pair_distances, verification_result, verify

PAIRS, SIZE, PEOPLE = 70, 12, 9


def person_of(image: int) -> int:
    """Who image `image` shows; every other pair is genuine."""
    pair, second = divmod(image, 2)
    return (pair * 5 + (second and pair % 2)) % PEOPLE


def picture(image: int) -> np.ndarray:
    """A lossless picture: its top left pixel says who it is, the rest is noise."""
    pixels = np.random.default_rng(image).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    pixels[0, 0] = person_of(image)
    pixels[0, -1] = person_of(image)
    return pixels


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> BinSet:
    path = tmp_path_factory.mktemp("bin") / "small.bin"
    images = [cv2.imencode(".png", picture(image)[:, :, ::-1])[1].tobytes() for image in range(2 * PAIRS)]
    same = [person_of(2 * pair) == person_of(2 * pair + 1) for pair in range(PAIRS)]
    path.write_bytes(pickle.dumps((images, same)))
    return open_bin(path)


PROJECTION = np.random.default_rng(1).normal(0, 1, (SIZE * SIZE * 3, 16))


def projected(images: np.ndarray) -> np.ndarray:
    """Not symmetric: a mirror image gives something else."""
    return ((images.reshape(len(images), -1) / 255) @ PROJECTION).astype(np.float32)


def knows(images: np.ndarray) -> np.ndarray:
    """Tells people apart without an error."""
    return (3 * np.eye(PEOPLE, dtype=np.float32))[images[:, 0, 0, 0]]


def by_brute_force(embed: Callable[[np.ndarray], np.ndarray], same: list[bool], *, flip: bool) -> tuple[float, ...]:
    """Accuracy, standard deviation, threshold, XNorm: image by image, pair by pair, fold by fold."""
    from sklearn.model_selection import KFold

    norms, units = [], []
    for image in range(2 * PAIRS):
        pictures = [picture(image)] + ([cv2.flip(picture(image), 1)] if flip else [])
        raw = [embed(single[None])[0].astype(float) for single in pictures]
        norms += [np.sqrt((vector**2).sum()) for vector in raw]
        total = sum(raw)
        units.append(total / np.sqrt((total**2).sum()))
    distances = [((units[2 * pair] - units[2 * pair + 1]) ** 2).sum() for pair in range(PAIRS)]
    accuracies, best = [], []
    for others, tested in KFold(10).split(distances):
        scores = [
            sum((distances[pair] < threshold) == same[pair] for pair in others) for threshold in np.arange(0, 4, 0.01)
        ]
        threshold = 0.01 * scores.index(max(scores))
        best.append(threshold)
        accuracies.append(np.mean([(distances[pair] < threshold) == same[pair] for pair in tested]))
    return float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(best)), float(np.mean(norms))


@pytest.mark.parametrize("flip", [True, False])
def test_it_equals_brute_force(flip: bool, small: BinSet) -> None:
    result = verify(projected, small, batch=16, flip=flip)
    expected = by_brute_force(projected, small.same.tolist(), flip=flip)
    assert (result.accuracy, result.std, result.threshold, result.xnorm) == pytest.approx(expected, abs=1e-6)
    assert (result.name, result.pairs) == ("small", PAIRS)


def test_the_mirror_image_counts(small: BinSet) -> None:
    with_it, without = (pair_distances(projected, small, 0, PAIRS, flip=flip) for flip in (True, False))
    assert np.abs(with_it[0] - without[0]).max() > 1e-2
    assert with_it[1] != without[1]


def test_who_knows_everybody_is_always_right(small: BinSet) -> None:
    assert verify(knows, small).accuracy == 1
    assert verify(knows, small).std == 0
    assert verify(knows, small).xnorm == pytest.approx(3)


def test_who_knows_nobody_is_right_half_of_the_time() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, (2, 6000, 64))
    distances = np.square(
        first / np.linalg.norm(first, axis=1)[:, None] - second / np.linalg.norm(second, axis=1)[:, None]
    ).sum(axis=1)
    result = verification_result("random", distances, 6000 * 8.0, np.arange(6000) % 600 < 300)
    assert result.accuracy == pytest.approx(0.5, abs=0.02)
    assert result.xnorm == pytest.approx(8)


@pytest.mark.parametrize("shares", [(0, 31, PAIRS), (0, 1, 1, 40, PAIRS)])
def test_pairs_can_be_shared_out(shares: tuple[int, ...], small: BinSet) -> None:
    parts = [pair_distances(projected, small, first, last, batch=8) for first, last in pairwise(shares)]
    together = verification_result(
        "small", np.concatenate([part[0] for part in parts]), sum(part[1] for part in parts), small.same
    )
    alone = verify(projected, small, batch=64)
    assert (together.accuracy, together.std) == (alone.accuracy, alone.std)
    assert together.xnorm == pytest.approx(alone.xnorm, rel=1e-12)


def test_batches_have_one_size(small: BinSet) -> None:
    shapes = set()

    def embed(images: np.ndarray) -> np.ndarray:
        shapes.add((images.shape, images.dtype, images.flags.c_contiguous))
        return projected(images)

    verify(embed, small, batch=64)
    assert shapes == {((64, SIZE, SIZE, 3), np.dtype(np.uint8), True)}
    with pytest.raises(ValueError, match="must be even"):
        verify(embed, small, batch=7)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_embeddings_that_are_no_numbers(wrong: float, small: BinSet) -> None:
    def embed(images: np.ndarray) -> np.ndarray:
        embeddings = projected(images)
        embeddings[5, 3] = wrong
        return embeddings

    with pytest.raises(DataError, match=r"small\.bin: an embedding is not a number"):
        verify(embed, small)


def test_embeddings_without_length_or_of_another_shape(small: BinSet) -> None:
    with pytest.raises(DataError, match=r"small\.bin: the embedding of an image is 0 throughout"):
        verify(lambda images: np.zeros_like(projected(images)), small)
    with pytest.raises(DataError, match=r"64 images gave embeddings of shape \(63, 16\)"):
        verify(lambda images: projected(images)[1:], small)


def test_the_next_batch_is_read_while_this_one_is_embedded(small: BinSet) -> None:
    begun = threading.Event()

    class Watched(BinSet):
        def images(self, first_pair: int, last_pair: int) -> NDArray[np.uint8]:
            if first_pair:
                begun.set()
            return super().images(first_pair, last_pair)

    def embed(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert begun.wait(timeout=10)
        return projected(images)

    verify(embed, Watched(small.path), batch=16)


def test_it_needs_neither_jittor_nor_onnx() -> None:
    code = (
        "import sys, sface.evaluate.ten_fold_verification; "
        "print([name for name in ('jittor', 'onnx', 'onnxruntime', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
