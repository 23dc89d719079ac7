"""How exact a detector's points are, on photos with points marked by hand, upright and turned.

    python benchmarks/landmark_error.py PHOTOS [--detector mtcnn|yunet|FILE] [--rolls 0,15,30,45,60]

PHOTOS holds `lfw/landmarks5.txt` (a line a photo: path; left, right, top, bottom of the face's box; five points) and
`london/*_03.tem` (the pupils are its first two points) with the photos. For each roll, in degrees, every photo is
turned about its middle, one to the left, the next to the right. Errors are shares of the distance between the eyes; a
photo of LFW counts as wrong where the middle of the chosen face lies outside the marked box. Beside the error on all
photos stands that on each half of them: constants were chosen on one of the two.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sface.align import Detector, find_faces, load_detector, load_image
from sface.errors import NoFaceError

Points = NDArray[np.float64]


def turned(image: NDArray[np.uint8], degrees: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A photo turned about its middle by `degrees` counter-clockwise, of the same size, and the transform (2, 3) to it.

    What comes in at the corners is the photo mirrored at its edge.
    """
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    picture = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT) if degrees else image
    return np.asarray(picture), np.asarray(matrix)


def to_right_and_left(degrees: float, number: int) -> float:
    """The angle by which photo `number` is turned: every second one to the other side."""
    return degrees if number % 2 else -degrees


def error(found: NDArray[np.float32], marked: Points) -> float:
    """Mean distance of the points as a share of the distance between the eyes."""
    return float(np.linalg.norm(found - marked, axis=1).mean() / np.linalg.norm(marked[0] - marked[1]))


def moved(points: Points, matrix: NDArray[np.float64]) -> Points:
    result: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return result


def marked_photos(folder: Path) -> Iterator[tuple[Path, Points, Points]]:
    """LFW: a photo's path, the box as two corners (2, 2), and points (5, 2)."""
    for line in (folder / "landmarks5.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, *numbers = line.split()
            left, right, top, bottom, *points = map(float, numbers)
            yield folder / name, np.array([(left, top), (right, bottom)]), np.array(points).reshape(5, 2)


def measure_lfw(folder: Path, detector: Detector, degrees: float) -> str:
    halves: tuple[list[float], list[float]] = [], []
    missed = wrong = 0
    for number, (path, box, points) in enumerate(marked_photos(folder)):
        image, matrix = turned(load_image(path), to_right_and_left(degrees, number))
        try:
            (face,), _ = find_faces(image, detector)
        except NoFaceError:
            missed += 1
            continue
        middle = moved(np.reshape(face.box, (2, 2)).mean(axis=0), cv2.invertAffineTransform(matrix))
        if (box[0] < middle).all() and (middle < box[1]).all():
            halves[number % 2].append(error(face.landmarks, moved(points, matrix)))
        else:
            wrong += 1
    even, odd = map(np.mean, halves)
    both = halves[0] + halves[1]
    return (
        f"LFW: five points {np.mean(both):.4f} (even half {even:.4f}, odd half {odd:.4f}; largest {max(both):.2f}) on "
        f"{len(both)} photos; {missed} without a face, {wrong} wrong"
    )


def measure_london(folder: Path, detector: Detector, degrees: float) -> str:
    errors = []
    for number, file in enumerate(sorted(folder.glob("*_03.tem"))):
        rows = file.read_text(encoding="utf-8").splitlines()[1:3]
        pupils = np.array([[float(x) for x in row.split()] for row in rows])
        image, matrix = turned(load_image(file.with_suffix(".jpg")), to_right_and_left(degrees, number))
        (face,), _ = find_faces(image, detector)
        errors.append(error(face.landmarks[:2], moved(pupils, matrix)))
    return f"London: pupils {np.mean(errors):.4f} on {len(errors)} photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--detector")
    parser.add_argument("--rolls", default="0,15,30,45,60", help="degrees, several with commas between them")
    args = parser.parse_args()
    detector = load_detector(args.detector)
    for degrees in map(float, args.rolls.split(",")):
        print(
            f"{detector.name}, {degrees:g} degrees: {measure_lfw(args.photos / 'lfw', detector, degrees)}", flush=True
        )
        print(f"{detector.name}, {degrees:g} degrees: {measure_london(args.photos / 'london', detector, degrees)}")


if __name__ == "__main__":
    main()
