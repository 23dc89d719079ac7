"""From photos to decisions: every pair of LFW's pairs.txt through detection, alignment, network and threshold.

    python benchmarks/photo_pairs.py MODEL PHOTOS [--detector mtcnn|yunet|FILE] [--threshold T] [--preprocess raw]
                                    [--roll DEGREES]

PHOTOS holds NAME/NAME_0001.jpg and pairs.txt. With --roll the photos are turned by so much about their middle, in the
order of their paths one to the left, the next to the right. Prints the pairs decided rightly at the threshold, and at
the threshold that is best for this very set, which flatters.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from landmark_error import to_right_and_left, turned
from numpy.typing import NDArray

from sface.align import load_image
from sface.errors import NoFaceError
from sface.export.passes import remove_initializers_from_inputs
from sface.infer import FaceVerifier


def read_pairs(photos: Path) -> list[tuple[Path, Path, bool]]:
    """The pairs of LFW's own format: NAME i j is genuine, NAME i NAME j an impostor pair."""

    def photo(name: str, number: str) -> Path:
        return photos / name / f"{name}_{int(number):04d}.jpg"

    pairs = []
    for line in (photos / "pairs.txt").read_text(encoding="utf-8").splitlines():
        words = line.split("\t")
        if len(words) == 3:
            pairs.append((photo(words[0], words[1]), photo(words[0], words[2]), True))
        elif len(words) == 4:
            pairs.append((photo(words[0], words[1]), photo(words[2], words[3]), False))
    return pairs


def loadable(model: Path, folder: Path) -> Path:
    """A copy that onnxruntime takes, also of OpenCV's files, which list their weights as inputs."""
    changed = ir.serde.deserialize_model(onnx.load(model))
    remove_initializers_from_inputs.apply(changed)
    copy = folder / model.name
    onnx.save(ir.serde.serialize_model(changed), copy)
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--detector")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--preprocess", choices=("raw", "centered"))
    parser.add_argument("--roll", type=float, default=0.0, metavar="DEGREES")
    args = parser.parse_args()
    pairs = read_pairs(args.photos)
    numbers = {path: number for number, path in enumerate(sorted({path for a, b, _ in pairs for path in (a, b)}))}

    def photo(path: Path) -> Path | NDArray[np.uint8]:
        return turned(load_image(path), to_right_and_left(args.roll, numbers[path]))[0] if args.roll else path

    with tempfile.TemporaryDirectory() as folder:
        verifier = FaceVerifier(
            loadable(args.model, Path(folder)),
            detector=args.detector,
            threshold=args.threshold,
            preprocess=args.preprocess,
        )
    similarities, same, without_face, start = [], [], 0, time.perf_counter()
    for a, b, genuine in pairs:
        try:
            similarities.append(verifier.verify(photo(a), photo(b)).similarity)
            same.append(genuine)
        except NoFaceError:
            without_face += 1
    seconds = time.perf_counter() - start
    scores, truth = np.array(similarities), np.array(same)
    right = int(((scores >= verifier.threshold) == truth).sum())
    best = max(int(((scores >= threshold) == truth).sum()) for threshold in scores)
    print(
        f"{args.model.name} with {verifier.detector}, {args.roll:g} degrees: {right} of {len(pairs)} pairs right at "
        f"{verifier.threshold:.3f} ({right / len(pairs):.2%}), {best} ({best / len(pairs):.2%}) at the best threshold; "
        f"{without_face} pairs without a face; {1000 * seconds / len(pairs):.0f} ms a pair"
    )


if __name__ == "__main__":
    main()
