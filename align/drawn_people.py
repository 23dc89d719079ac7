"""A set of drawn people: whole pictures, and a training set cut out of them by the aligner."""

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..datasets.encoded import encode_jpeg
from ..datasets.set_files import ALIGNER, LIST, PROPERTY
from ..datasets.synthetic.faces import draw_face
from ..errors import DataError, NoFaceError, UsageError
from ..output import Output
from ..processes.parallel import in_processes
from ..progress import progress
from .crop import CROP_SIZE, align_face
from .detectors.detector import Detector, load_detector
from .detectors.find import find_faces
from .image_file import load_image

MAX_PEOPLE, MAX_PHOTOS = 100_000, 1_000
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class DrawnPeople:
    """A set of drawn people.

    path      the set's folder, with `photos/` and `crops/` in it
    people    number of people drawn
    pictures  number of pictures in `photos/`
    missed    names of the pictures in which no face was found; all others have a crop in `crops/`
    detector  name of what found the faces
    seed      that was given
    seconds   that it took
    """

    path: Path
    people: int
    pictures: int
    missed: tuple[str, ...]
    detector: str
    seed: int
    seconds: float

    @property
    def crops(self) -> int:
        """Number of crops in `crops/`."""
        return self.pictures - len(self.missed)

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return {
            "path": str(self.path),
            "people": self.people,
            "pictures": self.pictures,
            "crops": self.crops,
            "no_face": len(self.missed),
            "no_face_in": list(self.missed),
            "detector": self.detector,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.people:,} people, {self.pictures:,} pictures in photos/, {self.crops:,} faces in "
            f"crops/; {self.detector} found no face in {len(self.missed):,} pictures"
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """One person's pictures, to be written into the set's folder."""

    folder: Path
    seed: int
    person: int
    photos: int


def draw_people(
    folder: str | os.PathLike[str],
    *,
    people: int = 100,
    photos: int = 20,
    seed: int = 1337,
    detector: str | os.PathLike[str] | None = None,
    output: Output | None = None,
) -> DrawnPeople:
    """Draw made-up people, to try the whole chain without photos of real ones; the same arguments give the same files.

    folder    folder to make: new or empty; it appears as a whole or not at all. `photos/` gets the pictures, `crops/`
              a training set of the faces in them, 112x112 pixels, with `imgs.txt`, `property` and `aligner.txt`
    people    how many
    photos    pictures of each of them
    seed      another seed, other people
    detector  what finds the faces: "mtcnn", "yunet" or a YuNet file; None: see `load_detector`
    output    where progress is shown; None: nowhere

    The work is done on all cores, by spawned processes: a script calls it under `if __name__ == "__main__":`.

    Raises UsageError for an argument that can't be, DataError where no face was found in any picture, ModelError where
    the detector can't be loaded, StorageError where the disk refuses.
    """
    for name, value, low, high in (
        ("people", people, 1, MAX_PEOPLE),
        ("photos", photos, 1, MAX_PHOTOS),
        ("seed", seed, 0, MAX_SEED),
    ):
        if not low <= value <= high:
            raise UsageError(f"{name} {value}: must be from {low} to {high}", argument=name)
    target = Path(folder)
    files.must_be_free(target)
    found_by = load_detector(detector)  # its errors come now and in one line, not from each process
    start, missed = time.perf_counter(), list[str]()

    def fill(folder: Path) -> None:
        jobs = [_Job(folder, seed, person, photos) for person in range(people)]
        lines, label = [], 0
        with (
            progress(people, "people", output or Output(quiet=True)) as advance,
            in_processes(partial(load_detector, detector), _draw, jobs) as results,
        ):
            for job, found in zip(jobs, results, strict=True):
                names = [_name(job.person, photo) for photo in range(photos)]
                missed.extend(name for name, is_found in zip(names, found, strict=True) if not is_found)
                lines += [f"{name}\t{label}\n" for name, is_found in zip(names, found, strict=True) if is_found]
                label += any(found)
                advance()
        if not lines:
            raise DataError(
                f"{found_by.name} found no face in any picture",
                path=target,
                remedy="choose another detector",
                argument="detector",
            )
        files.write_text(folder / "crops" / LIST, "".join(lines))
        files.write_text(folder / "crops" / PROPERTY, f"{label},{CROP_SIZE},{CROP_SIZE}\n")
        files.write_text(folder / "crops" / ALIGNER, f"{found_by.aligner}\n")

    if target.exists():
        target.rmdir()  # it is empty; the whole set takes its place at once
    files.write_folder(target, fill)
    return DrawnPeople(target, people, people * photos, tuple(missed), found_by.name, seed, time.perf_counter() - start)


def _name(person: int, photo: int) -> str:
    """A picture's path in photos/ and in crops/."""
    return f"p{person:04}/{photo:02}.jpg"


def _draw(detector: Detector, job: _Job) -> list[bool]:
    """Write one person's pictures and crops; gives for each picture whether a face was found in it."""
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
            crop = align_face(picture, face.landmarks, fit="scikit-image")
            _write_jpeg(job.folder / "crops" / _name(job.person, photo), crop)
    return found


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(image))
