"""MegaFace, challenge 1: who is found again among up to a million strangers.

Kemelmacher-Shlizerman et al., "The MegaFace Benchmark: 1 Million Faces for Recognition at Scale", CVPR 2016,
arXiv:1512.00596. Of each person with M photos, every photo in turn is put among the distractors, and is looked for with
each of the M - 1 others. A search has found it at rank r when fewer than r distractors are as similar as it is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...align.image_file import load_image
from ...errors import DataError, ImageError
from ...output import Output
from ...progress import Advance, progress
from ..crop_embedder import CropEmbedder
from ..embedded_batches import embed_crops
from ..figures.bootstrap import rate
from ..figures.metrics import MARGIN, matches_allowed, pairs_needed, unit_rows
from ..figures.pairs import sample_pairs, similarities
from ..protocols.protocol_result import ProtocolResult
from .closest_distractors import Closest, operating_point
from .identification_figures import FMR, IdentificationFigures, RankRate
from .megaface_lists import DISTRACTORS, PROBES, MegaFaceLists, open_megaface

RANKS = (1, 10, 100)


def identify_people(embedders: Sequence[CropEmbedder], root: Path, output: Output) -> list[ProtocolResult]:
    """MegaFace as each network sees it; `root` holds the test pack.

    Raises DataError as `open_megaface` and `identify`.
    """
    lists = open_megaface(root)
    results = []
    for embedder in embedders:
        with progress(len(lists.probes) + len(lists.distractors), "pictures", output) as advance:
            results.append(ProtocolResult(identifications=[identify(embedder, lists, advance=advance)]))
    return results


def identify(embedder: CropEmbedder, lists: MegaFaceLists, *, advance: Advance | None = None) -> IdentificationFigures:
    """Look for each person of the lists among the distractors.

    embedder  a picture that is no crop of its size can't be read
    advance   called with the number of pictures that were done since the last call

    Distractors are embedded, compared with all photos and forgotten, batch by batch.

    Raises DataError where no person has two photos that can be read, no distractor can be read, or an embedding is not
    finite, or 0 throughout.
    """
    failures: list[str] = []

    def batches(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Numbers (n,) and unit vectors (n, D) of the pictures that could be read."""

        def crop(number: int) -> NDArray[np.uint8]:
            path = folder / names[number]
            image = load_image(path)
            size = embedder.size
            if image.shape != (size, size, 3):
                raise ImageError(f"{image.shape[1]}x{image.shape[0]} pixels, not a crop of {size}x{size}", path=path)
            return image

        for part in embed_crops(crop, len(names), embedder):
            yield part.numbers, unit_rows(part.vectors).astype(np.float32)
            failures.extend(part.failures)
            if advance is not None:
                advance(part.count)

    read = list(batches(lists.root / PROBES, lists.probes))
    numbers = np.concatenate([part for part, _ in read])  # (A,), of the photos that could be read
    people = lists.people[numbers]
    pairs = sample_pairs(people, genuine=True, limit=len(people) ** 2)
    if not len(pairs):
        raise DataError(
            f"no person has two photos that can be read; the first: {failures[0]}", path=lists.root / PROBES
        )
    units = np.concatenate([part for _, part in read if len(part)])  # (A, D)
    failed = len(failures)

    matches = matches_allowed(FMR, len(units) * len(lists.distractors))
    closest = Closest(units, min(RANKS[-1], len(lists.distractors)), matches)
    for _, others in batches(lists.root / DISTRACTORS, lists.distractors):
        closest.add(others)
    if not closest.distractors:
        raise DataError(f"no distractor can be read; the first: {failures[failed]}", path=lists.root / DISTRACTORS)

    similarity = similarities(units, pairs)
    photos = np.bincount(lists.people)  # (n,)
    compared = np.bincount(people[pairs[:, 0]], minlength=len(photos))  # (n,), pairs
    lost = photos * (photos - 1) // 2 - compared
    needed = pairs_needed(FMR)
    return IdentificationFigures(
        name="megaface",
        protocol=_protocol(lists, embedder.flip),
        people=len(photos),
        photos=len(lists.probes),
        failed=failed,
        distractors=closest.distractors,
        distractors_failed=len(failures) - failed,
        noisy=lists.noisy,
        searches=2 * (len(pairs) + int(lost.sum())),
        ranks=_rank_rates(closest, similarity, pairs, people, lost),
        verification=(
            operating_point(FMR, closest, people, similarity, people[pairs[:, 0]], lost)
            if len(units) * closest.distractors >= needed
            else None
        ),
        impostors_needed=needed,
    )


def _rank_rates(
    closest: Closest,
    similarity: NDArray[np.float64],
    pairs: NDArray[np.int64],
    people: NDArray[np.int32],
    lost: NDArray[np.int64],
) -> tuple[RankRate, ...]:
    """Each pair is two searches: with either photo for the other. `lost` pairs (n,) of each person are two misses."""
    falling = -np.sort(-closest.highest, axis=1)  # (A, R)
    searchers = pairs.T.reshape(-1)  # (2G,)
    missing = np.repeat(np.arange(len(lost)), 2 * lost)
    owners = np.concatenate([people[searchers], missing])
    rates = []
    for rank in RANKS:
        if rank <= closest.distractors:
            # As similar as the mate within the rounding of float32: not found before it.
            ahead = falling[searchers, rank - 1] >= np.tile(similarity, 2) - MARGIN
            missed = np.concatenate([ahead, np.ones(len(missing), dtype=bool)])
            rates.append(RankRate(rank, rate(missed, np.stack([owners, owners], axis=1))))
    return tuple(rates)


def _protocol(lists: MegaFaceLists, flip: bool) -> str:
    parts = [f"MegaFace challenge 1, FaceScrub's photos among the distractors of {lists.gallery}"]
    if flip:
        parts.append("mirror images added")
    if any(lists.noisy):
        parts.append(f"{lists.noisy[0]:,} photos and {lists.noisy[1]:,} distractors left out as noise")
    return "; ".join(parts)
