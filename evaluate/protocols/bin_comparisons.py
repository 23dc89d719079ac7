"""Comparisons of a verification set that is a bin file: each image embedded once, people as far as the set tells."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...processes.read_ahead import read_ahead
from ...progress import Advance
from ..crop_embedder import CropEmbedder
from ..figures.comparisons import Comparisons
from ..figures.metrics import unit_rows
from .bin_sets import BinSet, pair_ranges


def compare_bin(embedder: CropEmbedder, bin_set: BinSet, *, advance: Advance | None = None) -> Comparisons:
    """The comparisons of all pairs, from which the same figures follow as from `ten_fold_verification.verify`.

    embedder  its batch must be even. The next images are read while it embeds
    advance   called with the number of pairs that were read

    A bin file names nobody. Two images are taken for one person if they are equal or of a genuine pair, or linked by a
    chain of such. Who is on images that nothing links counts as several people, which makes intervals a little narrow.
    Where both images of an impostor pair come out as one person, a label is wrong; the pair stays an impostor pair, as
    in every figure that was published of the set, and `protocol` tells how many there are.

    Raises DataError where an embedding is not finite or of length 0, ImageError as `BinSet.images`.
    """
    rows: dict[bytes, int] = {}  # of each different image, by its digest
    row_of = np.empty(2 * len(bin_set), dtype=np.int64)
    waiting: list[NDArray[np.uint8]] = []
    units, lengths = [], []

    def read(pairs: range) -> tuple[range, NDArray[np.uint8], list[bytes]]:
        images = bin_set.images(pairs.start, pairs.stop)
        return pairs, images, [hashlib.blake2b(image, digest_size=16).digest() for image in images]

    def embed_waiting() -> None:
        raw = embedder.raw(np.stack(waiting[: embedder.batch]))
        del waiting[: embedder.batch]
        units.append(unit_rows(raw.vectors))
        lengths.append(raw.lengths)

    parts = pair_ranges(0, len(bin_set), embedder.batch)
    for numbers, images, digests in read_ahead(read, parts, threads=1, chunk=1, depth=2):
        for number, (image, digest) in enumerate(zip(images, digests, strict=True), 2 * numbers.start):
            if digest not in rows:
                rows[digest] = len(rows)
                waiting.append(image)
            row_of[number] = rows[digest]
        if len(waiting) >= embedder.batch:
            embed_waiting()
        if advance is not None:
            advance(len(images) // 2)
    if waiting:
        embed_waiting()
    pairs = row_of.reshape(-1, 2)
    first, second = np.concatenate(units)[pairs.T]
    people = linked_people(pairs, bin_set.same)
    contradictions = int(np.count_nonzero(~bin_set.same & (people[:, 0] == people[:, 1])))
    return Comparisons(
        name=bin_set.name,
        protocol=_protocol(bin_set, embedder.flip, contradictions),
        similarity=np.einsum("pd,pd->p", first, second).clip(-1, 1),
        same=bin_set.same,
        people=people,
        ten_folds=np.arange(len(bin_set)),
        photos=len(rows),
        failed=0,
        xnorm=float(np.concatenate(lengths)[row_of].mean()),
    )


def linked_people(pairs: NDArray[np.integer[Any]], same: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Who is on the two sides of each pair, int32 (P, 2): images that genuine pairs link are of one person.

    pairs  numbers of images from 0, (P, 2); an image has one number in all its pairs
    same   which pairs are genuine, bool (P,)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    images = int(pairs.max()) + 1
    links = coo_array((np.ones(np.count_nonzero(same), dtype=np.int8), tuple(pairs[same].T)), shape=(images, images))
    person_of = connected_components(links, directed=False)[1].astype(np.int32)
    people: NDArray[np.int32] = person_of[pairs]
    return people


def _protocol(bin_set: BinSet, flip: bool, contradictions: int) -> str:
    told = f"{len(bin_set):,} pairs of {bin_set.path.name} in its order, {'' if flip else 'no '}mirror images added; "
    told += "equal images and those that genuine pairs link are of one person"
    if contradictions:
        told += f", {contradictions:,} impostor pair{'s' if contradictions > 1 else ''} therefore too (a wrong label)"
    return told
