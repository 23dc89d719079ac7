"""Draw a set of made-up people: whole pictures, and a training set cut out of them by the aligner."""

import argparse
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, SFaceError, UsageError
from ..interrupt import sigterm_as_interrupt
from ..output import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..align.detector import Detector

MAX_PEOPLE, MAX_PHOTOS = 100_000, 1_000
MAX_SEED = 2**32 - 1
JPEG_QUALITY = 95
NOTES = 10  # lines of progress


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
    parser.add_argument(
        "--detector", metavar="mtcnn|yunet|FILE", help="what finds the faces; by default YuNet if its file is known"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Draw the set; the same arguments give the same files."""
    from .. import files
    from ..align.crop import CROP_SIZE
    from ..align.detector import load_detector

    for name, value, low, high in (
        ("people", args.people, 1, MAX_PEOPLE),
        ("photos", args.photos, 1, MAX_PHOTOS),
        ("seed", args.seed, 0, MAX_SEED),
    ):
        if not low <= value <= high:
            raise UsageError(f"--{name} {value}: must be from {low} to {high}")
    if args.dir.exists() and (not args.dir.is_dir() or any(args.dir.iterdir())):
        raise UsageError(f"{args.dir}: is there already and not an empty folder; name a new one")
    detector = load_detector(args.detector, threads=1)  # its errors come now and in one line, not from each process
    start, missed = time.perf_counter(), list[str]()

    def fill(folder: Path) -> None:
        jobs = [_Job(folder, args.seed, person, args.photos) for person in range(args.people)]
        lines, label = [], 0
        for job, found in zip(jobs, _drawn(jobs, args.detector, output), strict=True):
            names = [_name(job.person, photo) for photo in range(args.photos)]
            missed.extend(name for name, is_found in zip(names, found, strict=True) if not is_found)
            lines += [f"{name}\t{label}\n" for name, is_found in zip(names, found, strict=True) if is_found]
            label += any(found)
        if not lines:
            raise DataError(f"{args.dir}: {detector.name} found no face in any picture; choose another --detector")
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


def _drawn(jobs: list[_Job], detector: str | None, output: Output) -> Iterator[list[bool]]:
    """Do the jobs on all cores; gives what `_draw` gives, in the jobs' order."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(
        max_workers=min(cores, len(jobs), 61),  # Windows waits for no more processes than 61
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_process,
        initargs=(detector,),
    ) as pool:
        try:
            yield from _noted(pool.map(_draw, jobs), len(jobs), output)
        except BrokenProcessPool as error:
            raise SFaceError("a process that draws was ended from outside, perhaps for want of memory") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _noted(results: Iterable[list[bool]], count: int, output: Output) -> Iterator[list[bool]]:
    """Pass the results on and say how far it is, at each tenth."""
    for done, result in enumerate(results, start=1):
        if done * NOTES // count > (done - 1) * NOTES // count:
            output.note(f"{done:,} of {count:,} people drawn")
        yield result


# Of each drawing process: loading a detector takes longer than a picture.
_detector: "Detector"


def _start_process(detector: str | None) -> None:
    from ..align.detector import load_detector
    from ..align.similarity import load_scikit_image
    from ..opencv import cv2

    global _detector
    load_scikit_image()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    cv2.setNumThreads(1)
    _detector = load_detector(detector, threads=1)


def _draw(job: _Job) -> list[bool]:
    """Write one person's pictures and crops; gives for each picture whether a face was found in it."""
    from ..align.crop import align_face
    from ..align.find import find_faces
    from ..align.image import load_image
    from ..errors import NoFaceError
    from ..train.synthetic import draw_face

    found = []
    for photo in range(job.photos):
        path = job.folder / "photos" / _name(job.person, photo)
        _write_jpeg(path, draw_face(job.seed, job.person, photo).image)
        picture = load_image(path)  # what everybody sees who opens the file
        try:
            (face,), _ = find_faces(picture, _detector)
        except NoFaceError:
            found.append(False)
        else:
            found.append(True)
            _write_jpeg(job.folder / "crops" / _name(job.person, photo), align_face(picture, face.landmarks))
    return found


def _write_jpeg(path: Path, image: "NDArray[np.uint8]") -> None:
    from ..opencv import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(data.tobytes())
