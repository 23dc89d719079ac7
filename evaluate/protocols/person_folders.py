"""A folder that holds a folder per person: all pairs of the photos in it, or evenly drawn ones."""

from pathlib import Path

import numpy as np

from ..figures.pairs import LIMIT, draw_pairs, people_in
from .photo_pairs import PhotoPairs, in_turns


def open_folders(root: Path, *, limit: int = LIMIT) -> PhotoPairs:
    """The pairs of the photos in `root`, first the genuine ones; of each kind all, or `limit`, drawn evenly, the same
    ones every time.

    Raises DataError as `pairs.people_in`.
    """
    people = people_in(root)
    persons = np.repeat(np.arange(len(people), dtype=np.int32), [len(photos) for photos in people.values()])
    genuine, impostor = (draw_pairs(persons, genuine=kind, limit=limit) for kind in (True, False))
    same = np.repeat([True, False], [len(genuine), len(impostor)])
    return PhotoPairs(
        name=root.resolve().name,
        protocol=f"pairs of the photos of {len(people):,} people, {limit:,} genuine and impostor pairs at most",
        photos=tuple(photo for photos in people.values() for photo in photos),
        pairs=np.concatenate([genuine, impostor]),
        same=same,
        persons=persons,
        ten_folds=in_turns(same),
    )
