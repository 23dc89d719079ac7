"""IJB-C 1:1 verification: what is compared are templates, sets of pictures of one person, not pictures.

Maze et al., "IARPA Janus Benchmark - C: Face Dataset and Protocol", ICB 2018. A template's vector is made as in the
evaluation that InsightFace publishes with ArcFace (Deng et al., CVPR 2019, arXiv:1801.07698), with its defaults: mirror
images added, raw lengths kept, pictures weighted by the detector's score.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...align.crop import align_face
from ...align.image_file import load_image
from ...errors import DataError, ImageError
from ...output import Output
from ...progress import Advance, progress
from ..crop_embedder import CropEmbedder
from ..embedded_batches import embed_crops
from ..figures.comparisons import Comparisons
from .bin_comparisons import linked_people
from .ijbc_lists import IjbcLists, open_ijbc
from .protocol_result import ComparedSet, ProtocolResult

_CELLS = 1 << 22  # similarities computed at once


def compare_templates(embedders: Sequence[CropEmbedder], root: Path, output: Output) -> list[ProtocolResult]:
    """IJB-C 1:1 as each network sees it: the lists in `root`/meta, the pictures in `root`/loose_crop.

    Raises DataError as `open_ijbc` and `compare_ijbc`.
    """
    lists = open_ijbc(root)
    results = []
    for embedder in embedders:
        with progress(len(lists.names), "pictures", output) as advance:
            results.append(ProtocolResult([ComparedSet(compare_ijbc(embedder, lists, advance=advance))]))
    return results


def compare_ijbc(embedder: CropEmbedder, lists: IjbcLists, *, advance: Advance | None = None) -> Comparisons:
    """The comparisons of the lists' pairs of templates.

    advance  called with the number of pictures that were done since the last call

    A template's vector is the sum over its media of the mean of the medium's pictures: their raw embeddings, each times
    the detector's score. A picture that can't be read or aligned is left out and counted as failed; the similarity of a
    template of which nothing is left is NaN. Templates that genuine pairs link are of one person.

    Raises DataError where no picture can be read, or an embedding is not finite, or 0 throughout.
    """
    count = int(lists.templates.max()) + 1
    sums: NDArray[np.float64] | None = None  # (T, D)
    failures: list[str] = []
    length_sum = 0.0

    def crop(number: int) -> NDArray[np.uint8]:
        path = lists.folder / lists.names[number]
        image = load_image(path)
        try:
            return align_face(image, lists.landmarks[number], embedder.size, fit="scikit-image")
        except ImageError as error:
            raise ImageError(error.reason, path=path, remedy=error.remedy) from error

    def weighted() -> Iterator[tuple[tuple[int, int], NDArray[np.float64]]]:
        """((template, medium), vector (D,)) of each picture that could be read."""
        nonlocal length_sum
        for part in embed_crops(crop, len(lists.names), embedder):
            numbers = part.numbers
            keys = zip(lists.templates[numbers].tolist(), lists.media[numbers].tolist(), strict=True)
            yield from zip(keys, part.vectors * lists.scores[numbers, None], strict=True)
            failures.extend(part.failures)
            length_sum += float(part.lengths.sum())
            if advance is not None:
                advance(part.count)

    for (template, _), pictures in groupby(weighted(), key=lambda picture: picture[0]):
        mean = np.mean([vector for _, vector in pictures], axis=0)
        if sums is None:
            sums = np.zeros((count, len(mean)))
        sums[template] += mean
    if sums is None:
        raise DataError(
            f"not one of {len(lists.names):,} pictures can be read; the first: {failures[0]}", path=lists.folder
        )
    people = linked_people(lists.pairs, lists.same)
    return Comparisons(
        name="ijbc",
        protocol=_protocol(lists, count, people, embedder.flip),
        similarity=template_similarities(sums, lists.pairs),
        same=lists.same,
        people=people,
        ten_folds=None,
        photos=len(lists.names),
        failed=len(failures),
        xnorm=length_sum / (len(lists.names) - len(failures)),
    )


def template_similarities(vectors: NDArray[np.float64], pairs: NDArray[np.int32]) -> NDArray[np.float64]:
    """Cosines float64 (P,) of the pairs (P, 2) of the vectors (T, D) of any length; NaN where one is 0 throughout.

    Pairs are many for few templates: each template that is first in a pair is compared with all others, by matrix
    products, and the pairs are picked out of these.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths == 0, np.nan, lengths)
    firsts, rows = np.unique(pairs[:, 0], return_inverse=True)  # (F,), (P,)
    order = np.argsort(rows, kind="stable")
    step = max(1, _CELLS // len(units))
    starts = np.arange(0, len(firsts), step)
    ends = np.append(np.searchsorted(rows[order], starts), len(order))
    cosines = np.empty(len(pairs), dtype=np.float64)
    for start, first, last in zip(starts.tolist(), ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        block = units[firsts[start : start + step]] @ units.T  # (step, T)
        numbers = order[first:last]
        cosines[numbers] = block[rows[numbers] - start, pairs[numbers, 1]]
    return cosines.clip(-1, 1)


def _protocol(lists: IjbcLists, count: int, people: NDArray[np.int32], flip: bool) -> str:
    parts = [
        f"IJB-C 1:1, {count:,} templates of {len(lists.names):,} pictures",
        *(["mirror images added"] if flip else []),
        "weights: raw length times detector's score, mean of each medium, sum over media",
        "people are templates that genuine pairs link",
    ]
    if wrong := int(((people[:, 0] == people[:, 1]) & ~lists.same).sum()):
        parts.append(f"impostor pairs of linked templates, a contradiction: {wrong:,}")
    return "; ".join(parts)
