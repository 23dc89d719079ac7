"""Pairs of photos as each network sees them: a photo is read and searched for a face once, for all networks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...align.photo_crops import crops_ahead, read_crop
from ...align.photo_shards import LeftOut, in_words, none_left, open_reader
from ...errors import SFaceError
from ...output import Output
from ...progress import progress
from ..crop_batches import crop_batches
from ..crop_embedder import CropEmbedder
from ..figures.metrics import unit_rows
from .photo_pairs import PhotoPairs
from .protocol_result import ComparedSet, ProtocolResult


def compare_photos(
    embedders: Sequence[CropEmbedder], pairs: PhotoPairs, *, detector: str | None, aligned: bool, output: Output
) -> list[ProtocolResult]:
    """Compare pairs of photos by the large face near the centre of each.

    detector  what finds the faces, as of `load_detector`
    aligned   the photos are crops already

    Raises NoFaceError or DataError where no photo can be used, ModelError and DependencyError as `load_detector`.
    """
    reader = open_reader(detector, "best", embedders[0].size, aligned=aligned)  # its errors come now
    units = _embed_photos(embedders, pairs.photos, detector, aligned, output)

    def pictures(pair: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        first, second = (read_crop(reader, pairs.photos[photo]) for photo in pairs.pairs[pair])
        return None if isinstance(first, SFaceError) or isinstance(second, SFaceError) else (first, second)

    return [ProtocolResult([ComparedSet(pairs.compare(of_network), pictures)]) for of_network in units]


def _embed_photos(
    embedders: Sequence[CropEmbedder], photos: Sequence[Path], detector: str | None, aligned: bool, output: Output
) -> list[NDArray[np.float32]]:
    """Unit embeddings (N, D) of each network, NaN for photos without a face that could be used."""
    size, batch = embedders[0].size, embedders[0].batch
    rows: list[int] = []
    parts: list[list[NDArray[np.float32]]] = [[] for _ in embedders]
    failures: dict[int, SFaceError] = {}
    with (
        progress(len(photos), "photos", output) as advance,
        crops_ahead(photos, size, detector=detector, aligned=aligned) as read,
    ):
        for numbers, crops in crop_batches(read, batch, failures, advance):
            rows += numbers
            for embedder, part in zip(embedders, parts, strict=True):
                raw = replace(embedder, batch=len(crops)).raw(crops)
                part.append(unit_rows(raw.vectors).astype(np.float32))
    left_out = [_left_out(photos[row], error) for row, error in failures.items()]
    if len(left_out) == len(photos):
        raise none_left(left_out)
    if left_out:
        output.note(in_words(Counter(photo.code for photo in left_out)))
    found = []
    for part in parts:
        units = np.full((len(photos), part[0].shape[1]), np.nan, dtype=np.float32)
        units[rows] = np.concatenate(part)
        found.append(units)
    return found


def _left_out(photo: Path, error: SFaceError) -> LeftOut:
    reason = error.explanation if error.path == str(photo) else str(error)
    return LeftOut(str(photo), error.code, " ".join(reason.split()))
