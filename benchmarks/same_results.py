"""Does a change that should change nothing give the same results? Runs the commands, writes a digest of each result.

    python benchmarks/same_results.py before.json --data ../shared/data     (in the one checkout)
    python benchmarks/same_results.py after.json --data ../shared/data      (in the other)
    diff before.json after.json

DATA holds a training set, photos and published models; CONTRIBUTING.md says which. Times are left out. Training runs on
one OpenMP thread: weights are bit-identical for one number of threads. Takes 2 minutes on two cores.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# The same path in every run, as commands and paths are part of some results.
WORK = Path(tempfile.gettempdir()) / "sface-same-results"
TIMES = (
    *("timings", "seconds", "milliseconds", "milliseconds_before", "milliseconds_after"),
    *("images_per_second", "data_wait", "seconds_left"),
)


def main() -> None:
    """Run everything and write the digests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    results = Results(args.data.resolve())
    for part in (published, photos, sets, gallery, evaluation, bad_calls, training):
        part(results)
        args.output.write_text(json.dumps(results.found, indent=1, sort_keys=True) + "\n")
        print(f"{part.__name__}: done, {len(results.found)} results")


class Results:
    """Digests by name."""

    def __init__(self, data: Path) -> None:
        self.data, self.found = data, dict[str, Any]()
        (WORK / "home" / "models").mkdir(parents=True)

    def call(self, name: str, *arguments: object, code: int | None = 0) -> Any:
        """Run a command with --json; its exit code and its answer are results. Gives the answer."""
        environment = {**os.environ, "SFACE_HOME": str(WORK / "home"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "sface", *map(str, arguments), "--json"],
            cwd=WORK,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise SystemExit(f"{name}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        self.found[f"{name}: exit code"] = done.returncode
        if code is None:
            return None
        answer = json.loads(done.stdout)
        self.found[f"{name}: answer"] = hashed(json.dumps(without_times(answer), sort_keys=True).encode())
        return answer

    def files(self, name: str, path: Path, leave_out: tuple[str, ...] = ()) -> None:
        """The bytes of a file, or of all files in a folder; of arrays, their numbers."""
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file() or file.name in leave_out or file.suffix == ".0":
                continue
            key = f"{name}: {file.relative_to(path) if path.is_dir() else file.name}"
            if file.suffix == ".npz":
                with np.load(file) as arrays:
                    self.found[key] = {part: hashed(arrays[part].tobytes()) for part in sorted(arrays)}
            else:
                self.found[key] = hashed(file.read_bytes())


def hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def without_times(value: Any) -> Any:
    """An answer without what takes another time in every run."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def published(results: Results) -> None:
    """Published networks, made faster; the default model and detector of all that follows."""
    models, home = results.data / "models", WORK / "home" / "models"
    sface = models / "face_recognition_sface_2021dec_int8bq.onnx"
    results.call("optimize", "optimize", sface, "-o", home / "default.onnx")
    results.files("optimize", home / "default.onnx")
    crops = results.data / "faces_celeba293_112x112"
    results.call("fp16", "optimize", sface, "-o", "fp16.onnx", "--precision", "fp16", "--calibration", crops)
    results.call("int8", "optimize", sface, "-o", "int8.onnx", "--precision", "int8", "--calibration", crops)
    for name in ("fp16", "int8"):
        results.files(name, WORK / f"{name}.onnx")
    results.call("inspect", "inspect", sface)
    shutil.copy(models / "face_detection_yunet_2026may.onnx", home)
    results.call("zoo", "zoo", "list")


def photos(results: Results) -> None:
    """Photos: embeddings, decisions, crops."""
    london = results.data / "photos" / "london"
    people = WORK / "people"
    for photo in sorted(london.glob("*.jpg")):
        (people / photo.stem[:3]).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, people / photo.stem[:3] / photo.name)
    for detector in ("yunet", "mtcnn"):
        name = f"embeddings-{detector}"
        results.call(name, "embed", people, "-o", f"{name}.npz", "--detector", detector)
        results.files(name, WORK / f"{name}.npz")
    pairs = sorted(people.glob("*/*.jpg"))[:6]
    for number, (one, other) in enumerate((a, b) for a in pairs for b in pairs[:3]):
        same = one.parent == other.parent
        results.call(f"verify {number}", "verify", one, other, code=0 if same else 1)
    results.call("verify flipped", "verify", pairs[0], pairs[1], "--flip", "--detector", "mtcnn")
    results.call("align", "align", people, "-o", "crops")
    results.files("align", WORK / "crops")
    results.call("align records", "align", people, "-o", "records", "--records", "--detector", "mtcnn")
    results.files("align records", WORK / "records")


def sets(results: Results) -> None:
    """Training sets: drawn, converted, checked."""
    results.call("synth", "synth", "drawn", "--people", 6, "--photos", 4, "--seed", 5)
    results.files("synth", WORK / "drawn")
    results.call("convert", "data", "convert", WORK / "drawn" / "crops", "-o", "converted")
    results.files("convert", WORK / "converted")
    results.call("check", "data", "check", results.data / "faces_celeba293_112x112")


def gallery(results: Results) -> None:
    """Galleries of real people."""
    people = WORK / "people"
    results.call("enroll", "enroll", "staff", people)
    results.files("enroll", WORK / "staff")
    found = sorted(people.glob("*/*.jpg"))[:4]
    results.call("identify", "identify", "staff", *found)
    results.call("gallery", "gallery", "staff")
    results.call("remove", "gallery", "staff", "--remove", found[0].parent.name)
    results.call("identify a stranger", "identify", "staff", found[0], code=1)


def evaluation(results: Results) -> None:
    """Error rates, thresholds, reports, cards."""
    model = WORK / "model.onnx"
    shutil.copy(WORK / "home" / "models" / "default.onnx", model)
    lfw = results.data / "photos" / "lfw"
    evaluations = results.call("eval photos", "eval", model, "--data", lfw, "--protocol", "lfw-photos")
    (WORK / "eval.json").write_text(json.dumps(evaluations))
    results.call("eval folders", "eval", model, "--data", WORK / "people", "--protocol", "folders", "--no-flip")
    results.call("card", "card", model, "--evaluation", "eval.json")
    results.call("calibrate", "calibrate", model, "--data", lfw, "--fmr", "1e-3")
    results.files("calibrate", model)


def bad_calls(results: Results) -> None:
    """Exit codes of calls that can't be answered."""
    (WORK / "empty.jpg").touch()
    (WORK / "text.jpg").write_text("no picture")
    (WORK / "grey.ppm").write_bytes(b"P6 64 64 255\n" + bytes(3 * 64 * 64))
    photo = next((WORK / "people").glob("*/*.jpg"))
    calls: dict[str, list[object]] = {
        "no arguments": ["verify"],
        "missing": ["verify", "missing.jpg", photo],
        "empty": ["verify", "empty.jpg", photo],
        "text": ["verify", photo, "text.jpg"],
        "no face": ["verify", "grey.ppm", photo],
        "threshold": ["verify", photo, photo, "--threshold", "2"],
        "no model": ["verify", photo, photo, "--model", "missing.onnx"],
        "no network": ["verify", photo, photo, "--model", photo],
        "detector": ["verify", photo, photo, "--detector", "missing.onnx"],
        "no gallery": ["identify", "nothing", photo],
        "no set": ["data", "check", "nothing"],
        "no checkpoint": ["export", "nothing", "-o", "x.onnx"],
        "no output": ["export", "nothing"],
        "unknown pass": ["optimize", WORK / "model.onnx", "-o", "x.onnx", "--without", "nothing"],
        "no evaluation": ["eval", WORK / "model.onnx", "--data", "nothing"],
        "too small a set": ["calibrate", WORK / "model.onnx", "--data", WORK / "people", "--fmr", "1e-6"],
        "not in the zoo": ["zoo", "get", "nothing"],
        "no head": ["train", "--outdir", "x", "--data_root", "nothing", "--head", "nothing"],
        "no batch": ["train", "--outdir", "x", "--data_root", "nothing", "--batch_size", "0"],
        "folder exists": ["synth", WORK / "people"],
    }
    for name, arguments in calls.items():
        results.call(f"bad call, {name}", *arguments, code=None)


def training(results: Results) -> None:
    """20 steps, stopped and resumed in the middle, with the weights they leave and the file they become."""
    data = results.data / "faces_celeba293_112x112"
    common: list[object] = ["--data_root", data, "--net", "MobileFaceNet", "--embedding_size", 128]
    common += ["--batch_size", 16, "--num_workers", 1, "--target", "", "--augment_color", 0.5, "--augment_lowres", 0.2]
    for head in ("SFace", "Softmax", "CosFace"):
        results.call(f"train {head}", "train", "--outdir", f"run-{head}", "--head", head, "--max_steps", 10, *common)
    results.call("resume", "train", "--outdir", "run-SFace", "--resume", "--max_steps", 20)
    for head in ("SFace", "Softmax", "CosFace"):
        for folder in sorted((WORK / f"run-{head}").glob("step-*")):
            results.files(f"train {head} {folder.name}", folder)
        results.files(f"settings {head}", WORK / f"run-{head}" / "config.json")
    results.call("export", "export", "run-SFace", "-o", "trained.onnx")
    results.files("export", WORK / "trained.onnx")
    results.call("export for OpenCV", "export", "run-SFace", "-o", "opencv.onnx", "--target", "opencv")
    results.files("export for OpenCV", WORK / "opencv.onnx")
    weights = results.data / "models" / "reference_mobilefacenet512_celeba293.pth"
    network = ["--net", "MobileFaceNet", "--embedding_size", 512, "--input_scale", 0.078125]
    results.call("export weights", "export", weights, "-o", "reference.onnx", *network)
    results.files("export weights", WORK / "reference.onnx")


if __name__ == "__main__":
    main()
