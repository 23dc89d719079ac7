"""Raw embeddings of crops: full batches, mirror images, and what a damaged network gives."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sface.errors import DataError
from sface.evaluate.crop_embedder import CropEmbedder

SIZE = 6
CROPS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def corners(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 2): 1 more than the red of the upper corners, which a mirror image exchanges."""
    return crops[:, 0, [0, -1], 0].astype(np.float32) + 1


@pytest.mark.parametrize("flip", [True, False])
def test_sums_and_mean_lengths(flip: bool) -> None:
    raw = CropEmbedder(corners, "network", SIZE, 8, flip).raw(CROPS)
    alone = corners(CROPS).astype(float)
    assert raw.vectors.dtype == raw.lengths.dtype == np.float64
    assert np.array_equal(raw.vectors, alone + alone[:, ::-1] if flip else alone)
    assert raw.lengths == pytest.approx(np.hypot(*alone.T))


def test_a_batch_is_filled_up_with_the_last_crop() -> None:
    seen = []

    def watching(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(crops)
        return corners(crops)

    CropEmbedder(watching, "network", SIZE, 8, flip=False).raw(CROPS)
    assert np.array_equal(seen[0], CROPS[[0, 1, 2, 3, 4, 4, 4, 4]])


@pytest.mark.parametrize(
    ("factor", "reason"), [(np.nan, "an embedding is not a number"), (0, "the embedding of an image is 0 throughout")]
)
def test_damaged_networks_are_named(factor: float, reason: str) -> None:
    embedder = CropEmbedder(lambda crops: corners(crops) * np.float32(factor), "model.onnx", SIZE)
    with pytest.raises(DataError, match=rf"^model\.onnx: {reason}"):
        embedder.raw(CROPS)
    with pytest.raises(DataError, match=r"model\.onnx: 64 images gave embeddings of shape \(63, 2\)"):
        CropEmbedder(lambda crops: corners(crops)[1:], "model.onnx", SIZE).raw(CROPS)
