"""`sface eval` on photos and on lists of crops: figures counted again from single embeddings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from sface.align import photo_crops as crops_ahead
from sface.align.crop import TEMPLATE
from sface.cli.dispatch import main
from sface.evaluate.report.evaluation_file import read_evaluations
from sface.infer import FaceEmbedder, FaceVerifier

from ..child_processes import in_this_process, is_alive
from ..people_photos import draw_people, told
from ..tiny_models import DIMENSION, floats, raw_metadata, write_graph, write_model, write_published_sface


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", metadata=raw_metadata(training_set="made up"))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos are read in this process."""
    monkeypatch.setattr(crops_ahead, "in_processes", in_this_process)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Four people with three crops each."""
    return draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2, "Cid": 3, "Dee": 4}, photos=3)


def raw(model: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    embeddings = FaceEmbedder(model).embed(np.ascontiguousarray(crops))
    return embeddings.unit * embeddings.lengths[:, None]


def cosine(model: Path, first: Path, second: Path, *, flip: bool = True) -> float:
    """Of two crops, each embedded by itself, the mirror image's embedding added."""
    units = []
    for path in (first, second):
        crop = np.asarray(cv2.imread(str(path)), dtype=np.uint8)[None, :, :, ::-1]
        summed = raw(model, crop)[0].astype(float) + flip * raw(model, crop[:, :, ::-1])[0]
        units.append(summed / np.linalg.norm(summed))
    return float(units[0] @ units[1])


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, fields = told(["eval", *arguments], capsys)
    assert code == 0, fields
    return fields


@pytest.mark.parametrize("flip", [True, False])
def test_the_threshold_of_the_file_and_another(
    flip: bool, people: Path, tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path / "model.onnx", metadata=raw_metadata())
    scores: dict[bool, list[float]] = {True: [], False: []}
    for first, second in combinations(sorted(people.glob("*/*.png")), 2):
        scores[first.parent == second.parent].append(cosine(model, first, second, flip=flip))
    own, other = (float(np.median(scores[same])) for same in (True, False))
    measured = raw_metadata(threshold=own, fmr=0.01, threshold_set="x", aligner="yunet+onet-1")
    write_model(model, metadata=measured)
    call = ["eval", str(model), "--data", str(people), "--protocol", "folders", "--aligned"]
    call += [] if flip else ["--no_flip"]
    given = ["--threshold", str(other)]
    for options, threshold, source, errors in (([], own, "file", [0, 6]), (given, other, "given", [27, 0])):
        at = evaluate(capsys, *call[1:], *options)["targets"]["people"]["at_threshold"]
        assert (at["threshold"], at["source"]) == (threshold, source)
        assert [at["fmr"]["errors"], at["fnmr"]["errors"]] == errors
        assert [at["fmr"]["count"], at["fnmr"]["count"]] == [54, 12]
    capsys.readouterr()
    assert main(call) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith(
        f"{model}: the threshold was measured with yunet+onet-1, these are crops: sface calibrate --aligned"
    )
    assert len(err) == 1 + flip
    assert all(line.startswith(f"{model}: the threshold is for faces without their mirror images") for line in err[1:])


def test_a_network_that_tells_nobody_apart(
    people: Path, tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its threshold lies above 1; what is printed of it can be read back."""
    collapsed = write_graph(
        tmp_path / "collapsed.onnx",
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("MatMul", ["flat", "zeros"], ["nothing"]),
            helper.make_node("Add", ["nothing", "same"], ["embedding"]),
        ],
        inputs=[("input", TensorProto.FLOAT, ["N", 3, 112, 112])],
        outputs=[("embedding", TensorProto.FLOAT, ["N", DIMENSION])],
        weights={"zeros": np.zeros((3 * 112 * 112, DIMENSION), np.float32), "same": floats(DIMENSION)},
        metadata=raw_metadata(),
    )
    fields = evaluate(capsys, collapsed, "--data", people, "--protocol", "folders", "--aligned")
    (tmp_path / "eval.json").write_text(json.dumps(fields))
    ((point,),) = (each.targets["people"].points for each in read_evaluations(tmp_path / "eval.json"))
    assert point.threshold == fields["targets"]["people"]["points"][0]["threshold"] > 1
    assert (point.fmr.value, point.fnmr.value) == (0, 1)


def test_drawn_pairs_of_folders(model: Path, people: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    call = [model, "--data", people, "--protocol", "folders", "--aligned"]
    every, drawn = (evaluate(capsys, *call, *more)["targets"]["people"] for more in ([], ["--pairs", 9]))
    assert (every["genuine"], every["impostor"]) == (12, 54)
    assert (drawn["genuine"], drawn["impostor"]) == (9, 9)
    assert (every["people"], every["photos"]) == (4, 12)
    assert every["accuracy"] > 0.9


def test_pairs_of_a_list(
    model: Path, people: Path, tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["first,second,same", "Ada/0.png,Ada/1.png,1", "Bo/0.png,Bo/2.png,1", "Ada/0.png,Bo/2.png,0"]
    (people / "pairs.csv").write_text("\n".join(lines))
    (tmp_path / "other.csv").write_text("\n".join([lines[0], *lines[2:]]))
    call = [model, "--data", people, "--protocol", "pairs", "--aligned", "--threshold", 0.5]
    target = evaluate(capsys, *call)["targets"]["pairs"]
    assert (target["genuine"], target["impostor"], target["photos"], target["people"]) == (2, 1, 4, 2)
    assert "accuracy" not in target
    other = evaluate(capsys, *call, "--list", tmp_path / "other.csv")["targets"]["other"]
    assert (other["genuine"], other["impostor"]) == (1, 1)


def test_photos_that_give_no_face(model: Path, people: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """They are counted, and a pair with one is no comparison; one more of another size is no crop."""
    cv2.imwrite(str(people / "Ada" / "0.png"), np.zeros((50, 60, 3), dtype=np.uint8))
    (people / "Bo" / "1.png").write_text("no photo")
    call = ["eval", str(model), "--data", str(people), "--protocol", "folders", "--aligned"]
    target = evaluate(capsys, *call[1:], "--threshold", "0.5")["targets"]["people"]
    assert (target["photos"], target["failed"]) == (12, 2)
    assert target["fta"]["value"] == 2 / 12
    assert target["genuine"] == 12 - 4
    assert target["at_threshold"]["fnmr_with_failures"]["count"] == 12
    capsys.readouterr()
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert err == "left out: 2 (2 bad_image)\n"
    assert "  FTA " in out

    for path in people.glob("*/*.png"):
        path.write_text("no photo")
    assert main(call) == 6
    assert "all 12 photos were left out; the first, " in capsys.readouterr().err


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """The photos of two genuine and two impostor pairs of LFW's first fold, and a photo of nothing."""
    root = tmp_path_factory.mktemp("photos") / "lfw"
    lines = (shared / "photos" / "lfw" / "pairs.txt").read_text().splitlines()
    chosen = [line.split() for line in (lines[1], lines[5], lines[301], lines[305])]
    for words in chosen:
        for name, number in ((words[0], words[1]), (words[-2] if len(words) == 4 else words[0], words[-1])):
            photo = Path(name) / f"{name}_{int(number):04}.jpg"
            (root / photo).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(shared / "photos" / "lfw" / photo, root / photo)
    (root / "Nobody").mkdir()
    cv2.imwrite(str(root / "Nobody" / "Nobody_0001.jpg"), np.full((250, 250, 3), 99, dtype=np.uint8))
    chosen[3] = ["Nobody", "1", *chosen[3][2:]]
    (root / "pairs.txt").write_text("\n".join(["1\t2", *("\t".join(words) for words in chosen)]))
    return root


@pytest.mark.parametrize("detector", ["mtcnn", "yunet"])
def test_lfw_from_photos(
    detector: str, model: Path, lfw: Path, shared: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """As face-verify compares the same photos with the same detector."""
    file = detector if detector == "mtcnn" else str(shared / "models" / "face_detection_yunet_2026may.onnx")
    verifier = FaceVerifier(model, detector=file)
    compared = []
    for words in [line.split("\t") for line in (lfw / "pairs.txt").read_text().splitlines()[1:4]]:
        ends = [(words[0], words[1]), (words[-2] if len(words) == 4 else words[0], words[-1])]
        compared.append(verifier.verify(*(lfw / name / f"{name}_{int(number):04}.jpg" for name, number in ends)))
    scores = [verification.similarity for verification in compared]
    call = [model, "--data", lfw, "--protocol", "lfw-photos", "--detector", file, "--no_flip"]
    for threshold in (score + step for score in scores for step in (-1e-6, 1e-6)):
        fields = evaluate(capsys, *call, "--threshold", threshold)
        target = fields["targets"]["lfw"]
        assert target["at_threshold"]["fnmr"]["errors"] == sum(score < threshold for score in scores[:2])
        assert target["at_threshold"]["fmr"]["errors"] == (scores[2] >= threshold)
    assert fields["detector"] == detector
    assert (target["genuine"], target["impostor"], target["failed"]) == (2, 1, 1)


def test_a_published_network_on_photos(
    lfw: Path, shared: Path, tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    sface = write_published_sface(shared, tmp_path / "sface.onnx")
    call = [sface, "--data", lfw, "--protocol", "lfw-photos", "--preprocess", "raw", "--detector", "mtcnn"]
    target = evaluate(capsys, *call, "--threshold", 0.363)["targets"]["lfw"]
    assert (target["eer"]["value"], target["auc"]) == (0, 1)
    assert target["at_threshold"]["fmr"]["errors"] == target["at_threshold"]["fnmr"]["errors"] == 0


def test_another_list_of_lfw(model: Path, lfw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Photos are read by processes of their own."""
    lines = (lfw / "pairs.txt").read_text().splitlines()
    (tmp_path / "dev.txt").write_text("\n".join(["1", lines[1], lines[3]]))
    call = [model, "--data", lfw, "--protocol", "lfw-photos", "--detector", "mtcnn"]
    target = evaluate(capsys, *call, "--list", tmp_path / "dev.txt")["targets"]["lfw"]
    assert (target["genuine"], target["impostor"], target["photos"]) == (1, 1, 4)
    assert target["protocol"].endswith("as in dev.txt")
    (lfw / "beside.txt").write_text((tmp_path / "dev.txt").read_text())
    assert evaluate(capsys, *call, "--list", "beside.txt")["targets"]["lfw"]["genuine"] == 1


def test_a_report_of_photos(
    model: Path, people: Path, tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "new" / "report.html"
    call = ["eval", model, "--data", people, "--protocol", "folders", "--aligned", "--threshold", 0.9999]
    assert main([*map(str, call), "--report", str(report)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"report: {report}"
    assert err.splitlines()[-1] == f"{report}: shows faces, which are personal data"
    assert "data:image/" in report.read_text(encoding="utf-8")
    assert [path.name for path in report.parent.iterdir()] == ["report.html"]


def test_templates_of_lists(model: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """IJB-C: each crop is a template of its own, of its own points."""
    (tmp_path / "ijbc" / "meta").mkdir(parents=True)
    (tmp_path / "ijbc" / "loose_crop").mkdir()
    paths = sorted(people.glob("*/*.png"))
    points = " ".join(f"{value:.4f}" for value in TEMPLATE.ravel())
    for number, path in enumerate(paths, 1):
        cv2.imwrite(str(tmp_path / "ijbc" / "loose_crop" / f"{number}.jpg"), cv2.imread(str(path)))
    pairs = [(i, j, int(paths[i - 1].parent == paths[j - 1].parent)) for i, j in combinations(range(1, 13), 2)]
    for name, lines in (
        ("ijbc_face_tid_mid.txt", [f"{number}.jpg {number} {number}" for number in range(1, 13)]),
        ("ijbc_name_5pts_score.txt", [f"{number}.jpg {points} 1" for number in range(1, 13)]),
        ("ijbc_template_pair_label.txt", [" ".join(map(str, pair)) for pair in pairs]),
    ):
        (tmp_path / "ijbc" / "meta" / name).write_text("\n".join(lines) + "\n")
    call = [model, "--data", tmp_path / "ijbc", "--protocol", "ijbc"]
    plain, flipped = (evaluate(capsys, *call, *more)["targets"]["ijbc"] for more in (["--no_flip"], []))
    assert (plain["genuine"], plain["impostor"], plain["people"], plain["photos"]) == (12, 54, 4, 12)
    assert plain["points"][0]["tar"] == 1
    assert plain["xnorm"] != flipped["xnorm"]


def test_identification(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """MegaFace: four people among others, in the layout of its test pack."""
    pack = tmp_path / "pack"
    draw_people(pack / "facescrub_images", {"Ada": 1, "Bo": 2, "Cid": 3}, photos=3)
    draw_people(pack / "megaface_images", {f"{number}": 10 + number for number in range(5)}, photos=2)
    (pack / "devkit" / "templatelists").mkdir(parents=True)
    for images, name in (
        ("facescrub_images", "facescrub_features_list.json"),
        ("megaface_images", "megaface_features_list.json_10_1"),
    ):
        paths = sorted(str(path.relative_to(pack / images)) for path in (pack / images).glob("*/*.png"))
        lists = {"path": paths, "id": [path.split("/")[0] for path in paths]}
        (pack / "devkit" / "templatelists" / name).write_text(json.dumps(lists))
    call = [model, "--data", pack, "--protocol", "megaface"]
    fields = evaluate(capsys, *call)
    assert fields["targets"] == {}
    found = fields["identification"]["megaface"]
    assert (found["people"], found["photos"], found["distractors"], found["searches"]) == (3, 9, 10, 18)
    assert found["ranks"][0]["identified"] == 1
    assert main(["eval", *map(str, call)]) == 0
    out = capsys.readouterr().out
    assert "\n  rank 1   100 %" in out
    assert out.endswith("\n  FMR 0.0001 % takes 3,000,000 pairs of a photo and a distractor\n") and "read" not in out
    (pack / "facescrub_images" / "Ada" / "0.png").unlink()
    (pack / "megaface_images" / "3" / "1.png").write_bytes(b"no picture")
    assert main(["eval", *map(str, call)]) == 0
    out = capsys.readouterr().out
    assert "\n  1 of the photos could not be read; every search for one or with one has missed\n" in out
    assert "\n  1 of 10 distractors could not be read and were not searched\n" in out
    for option in (["--report", "x.html"], ["--threshold", "0.5"], ["--threshold", "0"]):
        assert main(["eval", *map(str, call), *option]) == 2
        assert "leave it out" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c(model: Path, tmp_path: Path) -> None:
    people = draw_people(tmp_path / "people", {"Ada": 1, "Bo": 2}, photos=60)
    call = ["eval", str(model), "--data", str(people), "--protocol", "folders", "--detector", "mtcnn"]
    code = (
        "import sys\nfrom sface import progress\nfrom sface.cli.dispatch import main\n"
        f"progress.SECONDS_BETWEEN_NOTES = -1\nsys.exit(main({call}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # communicate() doesn't give what readline() has read on
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"1 of 120 photos\n"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    *notes, last = err.splitlines()
    assert (process.returncode, out, last) == (130, b"", b"error: interrupted")
    assert all(note.endswith(b" of 120 photos") for note in notes), notes
    deadline = time.monotonic() + 60
    while is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
