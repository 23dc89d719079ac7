"""Crops that are read ahead: what was read in which order, what could not be, and that reading does not wait."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from sface.errors import DataError, ImageError
from sface.evaluate.crop_embedder import CropEmbedder, Embed
from sface.evaluate.embedded_batches import embed_crops

SIZE, COUNT, BATCH = 6, 11, 4
UNREADABLE = (1, 4, 5, 6, 7)  # one, and a whole batch


def crop(number: int) -> NDArray[np.uint8]:
    """A crop whose left half has the value of its number, the right half is black."""
    image = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    image[:, : SIZE // 2] = number
    return image


def read(number: int) -> NDArray[np.uint8]:
    if number in UNREADABLE:
        raise ImageError(f"{number}.png: is empty")
    return crop(number)


def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 2): the value of the left and of the right edge, and of both 1 more."""
    return crops[:, 0, [0, -1], 0].astype(np.float32) + 1


def embedder(embed: Embed = embed, *, batch: int = BATCH, flip: bool = False) -> CropEmbedder:
    return CropEmbedder(embed, "network", SIZE, batch, flip)


@pytest.mark.parametrize("flip", [True, False])
def test_every_crop_that_can_be_read_is_embedded_in_order(flip: bool) -> None:
    batches = list(embed_crops(read, COUNT, embedder(flip=flip)))
    assert [batch.count for batch in batches] == [4, 4, 3]
    assert [batch.numbers.tolist() for batch in batches] == [[0, 2, 3], [], [8, 9, 10]]
    assert [batch.failures for batch in batches] == [
        ("1.png: is empty",),
        tuple(f"{n}.png: is empty" for n in (4, 5, 6, 7)),
        (),
    ]
    for batch in batches:
        for number, embedding, length in zip(batch.numbers, batch.vectors, batch.lengths, strict=True):
            assert embedding.tolist() == ([number + 2, number + 2] if flip else [number + 1, 1])
            assert length == pytest.approx(np.hypot(number + 1, 1))


def test_the_network_always_gets_a_full_batch() -> None:
    shapes = []

    def watching(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        shapes.append(crops.shape)
        return embed(crops)

    list(embed_crops(read, COUNT, embedder(watching, flip=True)))
    assert set(shapes) == {(BATCH, SIZE, SIZE, 3)}


def test_the_next_batch_is_read_while_this_one_is_embedded() -> None:
    begun = threading.Event()

    def noting(number: int) -> NDArray[np.uint8]:
        if number >= BATCH:
            begun.set()
        return crop(number)

    def waiting(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert begun.wait(timeout=10)
        return embed(crops)

    list(embed_crops(noting, 2 * BATCH, embedder(waiting)))


def test_only_a_few_batches_are_read_ahead() -> None:
    numbers = []

    def noting(number: int) -> NDArray[np.uint8]:
        numbers.append(number)
        return crop(number)

    stream = embed_crops(noting, 100 * BATCH, embedder())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(numbers) <= 4 * BATCH


def test_errors_of_the_network_name_it() -> None:
    with pytest.raises(DataError, match=r"^network: an embedding is not a number"):
        list(embed_crops(crop, 3, embedder(lambda crops: embed(crops) * np.float32(np.nan), batch=2)))


def test_other_errors_of_the_reader_are_raised() -> None:
    def broken(number: int) -> NDArray[np.uint8]:
        raise KeyError(number)

    with pytest.raises(KeyError):
        list(embed_crops(broken, 3, embedder(batch=2)))
