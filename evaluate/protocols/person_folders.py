"""A folder that holds a folder per person: all pairs of the photos in it, or an even sample of them."""

from pathlib import Path

import numpy as np

from ...datasets.folders import people_in
from ...errors import DataError
from ..figures.pairs import LIMIT, sample_pairs
from .photo_pairs import PhotoPairs, in_turns


def open_folders(root: Path, *, limit: int = LIMIT) -> PhotoPairs:
    """The pairs of the photos in `root`, first the genuine ones; of each kind all, or an even sample of `limit`, the
    same every time.

    Raises DataError as `photos_of_people`.
    """
    people = photos_of_people(root)
    persons = np.repeat(np.arange(len(people), dtype=np.int32), [len(photos) for photos in people.values()])
    genuine, impostor = (sample_pairs(persons, genuine=kind, limit=limit) for kind in (True, False))
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


def photos_of_people(root: Path) -> dict[str, list[Path]]:
    """The photos of each person in `root`, people and photos sorted by name; what else lies there is left out.

    Raises DataError as `people_in`, and where the folder is missing, there are not two people, or nobody has two
    photos.
    """
    if not root.is_dir():
        raise DataError("not a folder" if root.exists() else "there is no such folder", path=root)
    found = people_in(root, strict=False)
    people = {person: [root / person / name for name in names] for person, names in found.items()}
    if len(people) < 2:
        raise DataError(
            f"holds photos of {len(people)} people", path=root, remedy="needed are two folders or more, one a person"
        )
    if all(len(photos) < 2 for photos in people.values()):
        raise DataError("nobody in it has two photos; genuine pairs need people with two or more", path=root)
    return people
