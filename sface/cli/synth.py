"""Draw a set of made-up people: whole pictures, and a training set cut out of them by the aligner."""

import argparse
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..output import Output
from ..processes.interrupt import sigterm_as_interrupt
from ..processes.parallel import in_processes
from ..progress import progress
from . import options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..align.detectors.detector import Detector

MAX_PEOPLE, MAX_PHOTOS = 100_000, 1_000
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class _Job:
    """One person's pictures, to be written into the set's folder."""

    folder: Path
    seed: int
    person: int
    photos: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", type=Path, help="folder to make, with photos/ and crops/ in it")
    parser.add_argument("--people", type=int, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--photos", type=int, default=20, metavar="M", help="pictures of each of them (default: 20)")
    parser.add_argument("--seed", type=int, default=1337, help="another seed, other people (default: 1337)")
    options.add_detector(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Draw the set; the same arguments give the same files."""
    from .. import files
    from ..align.crop import CROP_SIZE
    from ..align.detectors.detector import load_detector

    for name, value, low, high in (
        ("people", args.people, 1, MAX_PEOPLE),
        ("photos", args.photos, 1, MAX_PHOTOS),
        ("seed", args.seed, 0, MAX_SEED),
    ):
        if not low <= value <= high:
            raise UsageError(f"--{name} {value}: must be from {low} to {high}")
    files.must_be_free(args.dir)
    detector = load_detector(args.detector, threads=1)  # its errors come now and in one line, not from each process
    start, missed = time.perf_counter(), list[str]()

    def fill(folder: Path) -> None:
        jobs = [_Job(folder, args.seed, person, args.photos) for person in range(args.people)]
        lines, label = [], 0
        with (
            progress(args.people, "people", output) as advance,
            in_processes(partial(_open_detector, args.detector), _draw, jobs) as results,
        ):
            for job, found in zip(jobs, results, strict=True):
                names = [_name(job.person, photo) for photo in range(args.photos)]
                missed.extend(name for name, is_found in zip(names, found, strict=True) if not is_found)
                lines += [f"{name}\t{label}\n" for name, is_found in zip(names, found, strict=True) if is_found]
                label += any(found)
                advance()
        if not lines:
            raise DataError(
                f"{detector.name} found no face in any picture", path=args.dir, remedy="choose another --detector"
            )
        files.write_text(folder / "crops" / "imgs.txt", "".join(lines))
        files.write_text(folder / "crops" / "property", f"{label},{CROP_SIZE},{CROP_SIZE}\n")

    if args.dir.exists():
        args.dir.rmdir()  # it is empty; the whole set takes its place at once
    with sigterm_as_interrupt():
        files.write_folder(args.dir, fill)
    pictures = args.people * args.photos
    crops = pictures - len(missed)
    output.result(
        f"{args.dir}: {args.people:,} people, {pictures:,} pictures in photos/, {crops:,} faces in crops/; "
        f"{detector.name} found no face in {len(missed):,} pictures",
        {
            "path": str(args.dir),
            "people": args.people,
            "pictures": pictures,
            "crops": crops,
            "no_face": len(missed),
            "no_face_in": missed,
            "detector": detector.name,
            "seed": args.seed,
            "seconds": round(time.perf_counter() - start, 1),
        },
    )
    return 0


def _name(person: int, photo: int) -> str:
    """A picture's path in photos/ and in crops/."""
    return f"p{person:04}/{photo:02}.jpg"


def _open_detector(detector: str | None) -> "Detector":
    """Of each process: loading a detector takes longer than a picture."""
    from ..align.detectors.detector import load_detector
    from ..align.similarity import load_scikit_image

    load_scikit_image()
    return load_detector(detector, threads=1)


def _draw(detector: "Detector", job: _Job) -> list[bool]:
    """Write one person's pictures and crops; gives for each picture whether a face was found in it."""
    from ..align.crop import align_face
    from ..align.detectors.find import find_faces
    from ..align.image_file import load_image
    from ..datasets.synthetic.faces import draw_face
    from ..errors import NoFaceError

    found = []
    for photo in range(job.photos):
        path = job.folder / "photos" / _name(job.person, photo)
        _write_jpeg(path, draw_face(job.seed, job.person, photo).image)
        picture = load_image(path)  # what everybody sees who opens the file
        try:
            (face,), _ = find_faces(picture, detector)
        except NoFaceError:
            found.append(False)
        else:
            found.append(True)
            _write_jpeg(job.folder / "crops" / _name(job.person, photo), align_face(picture, face.landmarks))
    return found


def _write_jpeg(path: Path, image: "NDArray[np.uint8]") -> None:
    from ..datasets.encoded import encode_jpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(image))
