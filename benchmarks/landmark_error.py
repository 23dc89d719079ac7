"""How exact a detector's points are, on photos with points marked by hand.

    python benchmarks/landmark_error.py PHOTOS [--detector mtcnn|yunet|FILE]

PHOTOS holds `lfw/landmarks5.txt` (a line a photo: path; left, right, top, bottom of the face's box; five points) and
`london/*_03.tem` (the pupils are its first two points) with the photos. Errors are shares of the distance between the
eyes; a photo counts as wrong where the middle of the chosen face lies outside the marked box.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sface.align import Detector, find_faces, load_detector, load_image
from sface.errors import NoFaceError

Points = NDArray[np.float64]


def error(found: NDArray[np.float32], marked: Points) -> float:
    """Mean distance of the points as a share of the distance between the eyes."""
    return float(np.linalg.norm(found - marked, axis=1).mean() / np.linalg.norm(marked[0] - marked[1]))


def measure_lfw(folder: Path, detector: Detector) -> str:
    errors, missed, wrong = [], 0, 0
    lines = (folder / "landmarks5.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        name, *numbers = line.split()
        left, right, top, bottom, *coordinates = map(float, numbers)
        image = load_image(folder / name)
        try:
            (face,), _ = find_faces(image, detector)
        except NoFaceError:
            missed += 1
            continue
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        if left < x < right and top < y < bottom:
            errors.append(error(face.landmarks, np.array(coordinates).reshape(5, 2)))
        else:
            wrong += 1
    return f"LFW: five points {np.mean(errors):.3f} on {len(errors)} photos; {missed} without a face, {wrong} wrong"


def measure_london(folder: Path, detector: Detector) -> str:
    errors = []
    for file in sorted(folder.glob("*_03.tem")):
        rows = file.read_text(encoding="utf-8").splitlines()[1:3]
        image = load_image(file.with_suffix(".jpg"))
        (face,), _ = find_faces(image, detector)
        errors.append(error(face.landmarks[:2], np.array([[float(number) for number in row.split()] for row in rows])))
    return f"London: pupils {np.mean(errors):.3f} on {len(errors)} photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--detector")
    args = parser.parse_args()
    detector = load_detector(args.detector)
    print(f"{detector.name}: {measure_lfw(args.photos / 'lfw', detector)}")
    print(f"{detector.name}: {measure_london(args.photos / 'london', detector)}")


if __name__ == "__main__":
    main()
