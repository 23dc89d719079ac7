"""`make demo`: the main job from end to end, with the commands that a user would type.

Draws people (or takes a real set with --data), trains MobileFaceNet, exports it with proof, measures a threshold and
verifies a genuine and an impostor pair. Leaves everything in demo/out and prints a table. Fails unless the network is
worth something: 10 points better than raw pixels on people it has not seen, and right about both pairs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import Pair, measure
from picture import write_picture
from real_set import split

from sface.errors import SFaceError

DEFAULT = Path(__file__).parent / "out"
SFACE = str(Path(sys.executable).parent / "sface")
POINTS = 0.10


class Failure(Exception):
    """The demo did not show what it has to show."""


class Steps:
    """Runs our commands, shows each as a user would type it, and keeps its seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def sface(self, verb: str, *arguments: object, label: str | None = None) -> dict[str, Any]:
        """Run `sface VERB ARGUMENTS`; returns what it says with --json. Raises Failure unless it succeeds."""
        words = [verb, *map(str, arguments)]
        sys.stdout.write(f"\n$ sface {' '.join(words)}\n")
        sys.stdout.flush()
        start = time.perf_counter()
        done = subprocess.run([SFACE, *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
        self.seconds[label or verb] = time.perf_counter() - start
        try:
            fields: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise Failure(f"sface {verb} ended with {done.returncode} and said {done.stdout[:200]!r}") from None
        # 1 is an answer: two people.
        if done.returncode not in ((0, 1) if verb == "verify" else (0,)):
            raise Failure(f"sface {verb} ended with {done.returncode}: {fields.get('error')}")
        return fields


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a real set: a folder with imgs.txt or train.rec, and property")
    parser.add_argument("--out", type=Path, default=DEFAULT, help="a new folder (default: demo/out, made anew)")
    args = parser.parse_args()
    out: Path = args.out
    if out == DEFAULT:
        shutil.rmtree(out, ignore_errors=True)
    elif out.exists():
        parser.error(f"{out} is there already; name a new folder")
    out.mkdir(parents=True)
    steps, start = Steps(), time.perf_counter()
    model = out / "model.onnx"
    try:
        if args.data:
            split(args.data, out / "train", out / "calibrate", out / "held_out")
            folders = [out / name for name in ("train", "calibrate", "held_out")]
        else:
            # Three sets of different people: to train on, to measure the threshold on, and to be judged by.
            for name, people, photos, seed in (("train", 150, 20, 1), ("calibrate", 40, 8, 2), ("held_out", 60, 8, 3)):
                steps.sface(
                    "synth", out / name, "--people", people, "--photos", photos, "--seed", seed, label=f"draw {name}"
                )
            folders = [out / name / "crops" for name in ("train", "calibrate", "held_out")]
        training = steps.sface(
            *("train", "--data_root", folders[0], "--outdir", out / "run", "--net", "MobileFaceNet"),
            *("--batch_size", 64, "--lr", 0.05, "--epochs", 4, "--stages", "3"),
        )
        steps.sface("export", out / "run", "-o", model)
        # Photos where there are some: a threshold belongs to the detector that it was measured with.
        faces = folders[1] if args.data else out / "calibrate" / "photos"
        steps.sface("calibrate", model, "--data", faces, "--fmr", 1e-2)
        measured = measure(model, folders[2])
        pictures = folders[2] if args.data else out / "held_out" / "photos"
        pairs, decisions = zip(
            *(_verify(steps, kind, pictures, model) for kind in (measured.genuine, measured.impostor)), strict=True
        )
    except (Failure, SFaceError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    write_picture(out / "demo.png", out / "run", pairs, decisions)

    rows = [(label, f"{seconds:.0f} s") for label, seconds in steps.seconds.items() if label != "verify"]
    rows += [
        ("all", f"{time.perf_counter() - start:.0f} s"),
        ("images a second in training", f"{training['last']['images_per_second']:.0f}"),
        ("model.onnx", f"{model.stat().st_size / 1e6:.1f} MB"),
        ("10-fold accuracy, people not seen", f"{measured.network:.1%} ({measured.pairs} pairs)"),
        ("the same of raw pixels", f"{measured.pixels:.1%}"),
        *((f"{kind} pair", _words(fields)) for kind, fields in zip(("genuine", "impostor"), decisions, strict=True)),
        ("picture", str(out / "demo.png")),
    ]
    width = max(len(label) for label, _ in rows)
    sys.stdout.write("\n" + "".join(f"{label:<{width}}  {value}\n" for label, value in rows))
    if measured.network < measured.pixels + POINTS:
        sys.stderr.write("error: the network is not 10 points better than raw pixels\n")
        return 1
    if [fields["same"] for fields in decisions] != [True, False]:
        sys.stderr.write("error: a pair was decided wrongly\n")
        return 1
    return 0


def _verify(steps: Steps, candidates: list[Pair], photos: Path, model: Path) -> tuple[Pair, dict[str, Any]]:
    """Verify the most typical pair in whose photos a face is found; a tight crop of a face may hide it."""
    error: Failure | None = None
    for pair in candidates:
        files = Pair(photos / pair.first, photos / pair.second)
        try:
            return files, steps.sface("verify", *files, "--model", model)
        except Failure as failure:
            error = failure
    raise error or Failure("there is no pair to verify")


def _words(fields: dict[str, Any]) -> str:
    sign, word = (">=", "SAME") if fields["same"] else ("<", "DIFFERENT")
    return f"{word} {fields['similarity']:.2f} {sign} {fields['threshold']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
