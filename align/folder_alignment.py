"""A folder of photos per person → a training set of aligned crops, cut out by several processes, shard by shard."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import files
from ..datasets.encoded import encode_jpeg
from ..datasets.folders import people_in
from ..datasets.image_list import fill_with_images
from ..datasets.record_writer import fill_with_records
from ..datasets.set_files import ALIGNER
from ..errors import DataError, UsageError
from ..output import Output
from ..processes.shards import Shard, Shards
from .choice import FACE_CHOICES, FaceChoice
from .crop import CROP_SIZE
from .detectors.detector import load_detector
from .photo_faces import PhotoReader
from .photo_shards import LeftOut, in_words, left_out_of, none_left, open_reader, read_shard

LEFT_OUT_LIST = "left_out.tsv"


@dataclass(frozen=True, slots=True)
class AlignedFolder:
    """The training set that came of a folder of photos.

    path            the set's folder
    layout          "images": files and `imgs.txt`; "records": `train.rec`
    photos          number of photos that there were
    people          number of people with a crop: the set's classes
    crops           number of crops
    left_out        the photos that gave no crop, and why; also in the set's file `left_out.tsv`
    people_without  names of the people without a crop
    detector        name of what found the faces
    aligner         that gave their landmarks, with its version; also in the set's file `aligner.txt`
    seconds         that it took
    """

    path: Path
    layout: Literal["images", "records"]
    photos: int
    people: int
    crops: int
    left_out: tuple[LeftOut, ...]
    people_without: tuple[str, ...]
    detector: str
    aligner: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON; of the photos left out how many for each reason, and their list."""
        return {
            "path": str(self.path),
            "layout": self.layout,
            "photos": self.photos,
            "people": self.people,
            "crops": self.crops,
            "left_out": dict(self._reasons()),
            "left_out_list": str(self.path / LEFT_OUT_LIST),
            "people_without": list(self.people_without),
            "detector": self.detector,
            "aligner": self.aligner,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.crops:,} faces of {self.people:,} people from {self.photos:,} photos; "
            f"{in_words(self._reasons())}; people without a face: {len(self.people_without):,}"
        )

    def _reasons(self) -> Counter[str]:
        return Counter(photo.code for photo in self.left_out)


def align_folder(
    photos: str | os.PathLike[str],
    output_folder: str | os.PathLike[str],
    *,
    faces: FaceChoice = "best",
    detector: str | os.PathLike[str] | None = None,
    records: bool = False,
    output: Output | None = None,
) -> AlignedFolder:
    """Cut the faces out of photos as a training set of crops, 112x112 pixels, fitted with scikit-image.

    photos         folder that holds a folder of photos per person
    output_folder  folder to make: new or empty, and not in `photos`; it appears as a whole or not at all
    faces          which of a photo's faces are taken, see `find_faces`; "error": photos with several are left out
    detector       what finds them: "mtcnn", "yunet" or a YuNet file; None: see `load_detector`
    records        write `train.rec`, in place of image files and `imgs.txt`
    output         where progress and notes go; None: nowhere

    The work is done on all cores, by spawned processes: a script calls it under `if __name__ == "__main__":`. What is
    done is kept in a hidden folder beside `output_folder` until that is in place, so that the same call goes on where
    an interrupted one was.

    Raises UsageError for an argument that can't be, DataError where `photos` holds no photo of a person or all are
    left out, NoFaceError where no photo has a face, ModelError where the detector can't be loaded, StorageError where
    the disk refuses.
    """
    start = time.perf_counter()
    root, target = Path(photos), Path(output_folder)
    if faces not in FACE_CHOICES:
        raise UsageError(f"faces {faces!r}: must be one of {', '.join(FACE_CHOICES)}", argument="faces")
    files.must_be_free(target)
    if target.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"lies in {root} itself", path=target, remedy="name a folder elsewhere")
    people = people_in(root, endings=("",))  # any file may be a photo, or else is named in the list
    if not people:
        raise DataError(
            "holds no folder per person with photos in it", path=root, remedy="put each person's photos into one"
        )
    paths = [f"{person}/{name}" for person, names in people.items() for name in names]
    _must_be_listable(root, paths)
    detector = None if detector is None else os.fspath(detector)
    found_by = load_detector(detector)  # its errors come now and in one line, not from each process

    shards = Shards(target, root, paths, {"detector": [found_by.aligner, detector], "face": faces})
    shards.do(partial(open_reader, detector, faces, CROP_SIZE), _crop, output or Output(quiet=True))
    left_out = left_out_of(shards)
    crops = Counter(
        _person(shard.photos[number]) for shard, arrays in shards.load("photo") for number in arrays["photo"]
    )
    if not crops:
        shards.remove()
        raise none_left(left_out)
    labels = {person: label for label, person in enumerate(person for person in people if person in crops)}

    def fill(folder: Path) -> None:
        found = _crops(shards, labels, _names(people), numbered=faces == "all")
        sizes = {"num_classes": len(labels), "size": CROP_SIZE}
        if records:
            images = ((label, data) for _, label, data in found)
            fill_with_records(folder, images, **sizes, folder=target)
        else:
            fill_with_images(folder, found, **sizes)
        lines = (f"{photo.photo}\t{photo.code}\t{photo.reason}\n" for photo in left_out)
        (folder / LEFT_OUT_LIST).write_text("".join(lines), encoding="utf-8")
        (folder / ALIGNER).write_text(f"{found_by.aligner}\n", encoding="utf-8")

    if target.exists():
        target.rmdir()  # it is empty; the whole set takes its place at once
    files.write_folder(target, fill)
    shards.remove()
    return AlignedFolder(
        path=target,
        layout="records" if records else "images",
        photos=len(paths),
        people=len(labels),
        crops=crops.total(),
        left_out=tuple(left_out),
        people_without=tuple(person for person in people if person not in labels),
        detector=found_by.name,
        aligner=found_by.aligner,
        seconds=time.perf_counter() - start,
    )


def _person(photo: str) -> str:
    return photo.split("/")[0]


def _must_be_listable(root: Path, photos: list[str]) -> None:
    """Raises DataError for a name that can't stand in a line of a UTF-8 file, among others behind tabs."""
    for photo in photos:
        if "\n" in photo or "\t" in photo or photo != photo.encode("utf-8", "ignore").decode():
            raise DataError(f"{photo!r} has a tab, a line break or no UTF-8 in its name", path=root, remedy="rename it")


def _names(people: dict[str, list[str]]) -> dict[str, str]:
    """For each photo the path of its crop, without suffix: the photo's own, as long as it is no other's."""
    names = {}
    for person, photos in people.items():
        taken = set[str]()
        for photo in photos:
            name = photo.rsplit(".", 1)[0]
            while name.casefold() in taken:  # "1.jpg" and "1.png"; file systems may not tell "A" from "a"
                name += "_"
            taken.add(name.casefold())
            names[f"{person}/{photo}"] = f"{person}/{name}"
    return names


def _crop(reader: PhotoReader, shard: Shard) -> None:
    """Cut the faces out of a shard's photos and keep them as JPEG files, one behind the other."""
    faces = read_shard(reader, shard)
    jpegs = [encode_jpeg(crop) for _, photo in faces.taken for crop in photo.crops]
    ends = np.cumsum([len(jpeg) for jpeg in jpegs], dtype=np.int64)
    shard.store({**faces.arrays(), "jpegs": np.frombuffer(b"".join(jpegs), dtype=np.uint8), "ends": ends})


def _crops(
    shards: Shards, labels: dict[str, int], names: dict[str, str], *, numbered: bool
) -> Iterator[tuple[str, int, bytes]]:
    """Path, label and JPEG file of each crop, in the order of the people; numbered: a photo may have several."""
    for shard, arrays in shards.load("photo", "jpegs", "ends"):
        begin, seen = 0, Counter[str]()
        for number, end in zip(arrays["photo"].tolist(), arrays["ends"].tolist(), strict=True):
            photo = shard.photos[number]
            seen[photo] += 1
            suffix = f"-{seen[photo]}.jpg" if numbered else ".jpg"
            yield names[photo] + suffix, labels[_person(photo)], arrays["jpegs"][begin:end].tobytes()
            begin = end
