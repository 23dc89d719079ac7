"""Cut the faces out of photos, a folder per person, as a training set; an interrupted run goes on where it was."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from . import options

if TYPE_CHECKING:
    from ..align.photo_faces import PhotoReader
    from ..processes.shards import Shard, Shards

LEFT_OUT_LIST = "left_out.tsv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="folder that holds a folder of photos per person")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="folder to make")
    options.add_faces(parser)
    options.add_detector(parser)
    parser.add_argument("--records", action="store_true", help="write train.rec, in place of files and imgs.txt")


def run(args: argparse.Namespace, output: Output) -> int:
    with sigterm_as_interrupt():
        return _align(args, output)


def _align(args: argparse.Namespace, output: Output) -> int:
    from .. import files
    from ..align.crop import CROP_SIZE
    from ..align.detectors.detector import load_detector
    from ..align.photo_shards import in_words, left_out_of, none_left, open_reader
    from ..datasets.image_sets import people_in
    from ..datasets.list_writer import fill_with_images
    from ..datasets.record_writer import fill_with_records
    from ..processes.shards import Shards

    start = time.perf_counter()
    files.must_be_free(args.output)
    if args.output.resolve().is_relative_to(args.dir.resolve()):
        raise UsageError(f"lies in {args.dir} itself", path=args.output, remedy="name a folder elsewhere")
    people = people_in(args.dir, endings=("",))  # any file may be a photo, or else is named in the list
    if not people:
        raise DataError(
            "holds no folder per person with photos in it", path=args.dir, remedy="put each person's photos into one"
        )
    photos = [f"{person}/{name}" for person, names in people.items() for name in names]
    _must_be_listable(args.dir, photos)
    detector = load_detector(args.detector, threads=1)  # its errors come now and in one line, not from each process

    shards = Shards(args.output, args.dir, photos, {"detector": [detector.name, args.detector], "face": args.faces})
    shards.do(partial(open_reader, args.detector, args.faces, CROP_SIZE), _crop, output)
    left_out = left_out_of(shards)
    crops = Counter(
        _person(shard.photos[number]) for shard, arrays in shards.load("photo") for number in arrays["photo"]
    )
    if not crops:
        shards.remove()
        raise none_left(left_out)
    labels = {person: label for label, person in enumerate(person for person in people if person in crops)}

    def fill(folder: Path) -> None:
        found = _crops(shards, labels, _names(people), numbered=args.faces == "all")
        sizes = {"num_classes": len(labels), "size": CROP_SIZE}
        if args.records:
            images = ((label, data) for _, label, data in found)
            fill_with_records(folder, images, **sizes, folder=args.output)
        else:
            fill_with_images(folder, found, **sizes)
        lines = (f"{photo.photo}\t{photo.code}\t{photo.reason}\n" for photo in left_out)
        (folder / LEFT_OUT_LIST).write_text("".join(lines), encoding="utf-8")

    if args.output.exists():
        args.output.rmdir()  # it is empty; the whole set takes its place at once
    files.write_folder(args.output, fill)
    shards.remove()
    reasons = Counter(photo.code for photo in left_out)
    output.result(
        f"{args.output}: {crops.total():,} faces of {len(labels):,} people from {len(photos):,} photos; "
        f"{in_words(reasons)}; people without a face: {len(people) - len(labels):,}",
        {
            "path": str(args.output),
            "layout": "records" if args.records else "images",
            "photos": len(photos),
            "people": len(labels),
            "crops": crops.total(),
            "left_out": dict(reasons),
            "left_out_list": str(args.output / LEFT_OUT_LIST),
            "people_without": [person for person in people if person not in labels],
            "detector": detector.name,
            "seconds": round(time.perf_counter() - start, 1),
        },
    )
    return 0


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


def _crop(reader: "PhotoReader", shard: "Shard") -> None:
    """Cut the faces out of a shard's photos and keep them as JPEG files, one behind the other."""
    import numpy as np

    from ..align.photo_shards import read_shard
    from ..datasets.encoded import encode_jpeg

    faces = read_shard(reader, shard)
    jpegs = [encode_jpeg(crop) for _, photo in faces.taken for crop in photo.crops]
    ends = np.cumsum([len(jpeg) for jpeg in jpegs], dtype=np.int64)
    shard.store({**faces.arrays(), "jpegs": np.frombuffer(b"".join(jpegs), dtype=np.uint8), "ends": ends})


def _crops(
    shards: "Shards", labels: dict[str, int], names: dict[str, str], *, numbered: bool
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
