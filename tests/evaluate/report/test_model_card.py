"""Model cards: every figure with its source, what isn't known said to be not known, a stranger's words as words."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sface.errors import ModelError
from sface.evaluate.figures.figures import OperatingPoint, Rate
from sface.evaluate.identification.identification_figures import IdentificationFigures, RankRate
from sface.evaluate.report.model_card import write_card
from sface.evaluate.report.model_file import ModelFile
from sface.model_files.metadata import ModelMetadata

from ..evaluations import SHA256, read_evaluation

MEASURED: dict[str, Any] = {
    "threshold": 0.31234,
    "fmr": 0.001,
    "fmr_low": 0.0004,
    "fmr_high": 0.0021,
    "fnmr": 0.0525,
    "fnmr_low": 0.041,
    "fnmr_high": 0.0655,
    "threshold_set": "staff photos",
    "aligner": "yunet+onet-1",
    "threshold_people": 213,
    "threshold_impostor_pairs": 90_123,
    "threshold_genuine_pairs": 1_204,
}


def metadata(**fields: Any) -> ModelMetadata:
    return ModelMetadata("raw", 112, 128, **fields)


def model(known: ModelMetadata | None = None, **fields: Any) -> ModelFile:
    values = {
        "name": "model.onnx",
        "sha256": SHA256,
        "bytes": 4_123_456,
        "parameters": 1_012_345,
        "macs": "220,000,000",
        "inputs": ["input float32 (N, 3, 112, 112)"],
        "outputs": ["embedding float32 (N, 128)"],
        "metadata": known,
        **fields,
    }
    return ModelFile(**values)


def sections(card: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", card, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_a_file_that_says_nothing() -> None:
    card = write_card(model(), [], "1.2.3")
    found = sections(card)
    assert card.startswith(
        "# model.onnx\n\nWritten by `sface card` (sface 1.2.3) from what the file says of itself.\n\n## The model\n"
    )
    assert "| network | not known |" in found["The model"]
    assert f"| sha256 | {SHA256} |" in found["The model"]
    assert "| size | 4,123,456 bytes, 1,012,345 parameters |" in found["The model"]
    assert "| training set | not known |\n| loss | not known |" in found["Training"]
    assert found["The threshold"].strip().startswith("The file has none. `sface calibrate` measures one")
    assert found["What was measured"].strip().startswith("Not known. `sface eval MODEL")
    assert "is not known: nothing was\nmeasured by group" in found["Groups of people"]
    assert found["Licence"].strip().startswith("Not known, the file doesn't say it. Weights may")
    assert "--model model.onnx --preprocess raw\n" in found["How to use it"]
    assert 'preprocess="raw"' in found["How to use it"]
    assert list(found) == [
        "The model",
        "Training",
        "The threshold",
        "What was measured",
        "Groups of people",
        "Limits",
        "Intended uses",
        "Unfit uses",
        "Personal data",
        "Licence",
        "How to use it",
    ]
    assert "%" not in re.sub(r"95 %", "", card)  # no figure


def test_what_the_file_says() -> None:
    known = metadata(
        network="MobileFaceNet", loss="sface, k 80", training_set="faces", sface_version="0.1.0", **MEASURED
    )
    found = sections(write_card(model(known), [], "1.2.3"))
    assert "| network | MobileFaceNet |" in found["The model"]
    assert "| pixels | RGB, 0 to 255; normalised in the graph |" in found["The model"]
    assert "| training set | faces |" in found["Training"]
    assert "| loss | sface, k 80 |" in found["Training"]
    threshold = found["The threshold"]
    assert (
        "of 0.3123 and above. `sface calibrate` measured that on the set staff photos, 213 people, on faces"
        in threshold
    )
    assert "aligned by yunet+onet-1 without mirror images" in threshold
    assert "| false match rate | 0.10 % | 0.040 to 0.21 % | 90,123 impostor pairs |" in threshold
    assert "| false non-match rate | 5.25 % | 4.10 to 6.55 % | 1,204 genuine pairs |" in threshold
    assert "face-verify a.jpg b.jpg --model model.onnx --detector yunet\n" in found["How to use it"]


def test_a_threshold_of_an_older_file_has_no_interval() -> None:
    known = metadata(threshold=0.3, fmr=0.01, threshold_set="SET", aligner="aligned")
    found = sections(write_card(model(known), [], "1.2.3"))
    assert "| false match rate | 1.00 % | not known | impostor pairs: not known |" in found["The threshold"]
    assert "| false non-match rate | not known | not known | genuine pairs: not known |" in found["The threshold"]
    assert "on the set SET, people: not known, on crops without" in found["The threshold"]
    assert "--model model.onnx --aligned\n" in found["How to use it"]


def test_a_damaged_threshold_is_refused() -> None:
    with pytest.raises(ModelError, match=r"model\.onnx: .* run sface calibrate again"):
        write_card(model(metadata(**{**MEASURED, "fmr_low": 0.5})), [], "1.2.3")


def test_a_published_file() -> None:
    known = metadata(network="OpenCV SFace 2021dec", published_threshold=0.363)
    card = write_card(model(known, published=True, licence="Apache-2.0, as PAGE states"), [], "1.2.3")
    assert "from what is known of this published file." in card
    assert "recommends 0.363, a cosine, for which no rate is known." in sections(card)["The threshold"]
    assert sections(card)["Licence"].strip().startswith("Apache-2.0, as PAGE states. Weights may")


def test_figures_and_where_they_are_from(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    evaluation = read_evaluation(tmp_path / "eval.json", evaluated)
    card = write_card(model(), [("eval.json", evaluation)], "1.2.3")
    assert "from what the file says of itself, and eval.json, which `sface eval` measured of this very file." in card
    part = sections(card)["What was measured"]
    assert "From eval.json, measured by sface 0.1.0 on crops, and the mirror image's embedding added, with" in part
    assert "```sh\nsface eval model.onnx --data sets --json\n```" in part
    assert "### lfw" in part
    figures = evaluated["targets"]["lfw"]
    assert "lfw as drawn: 91 people, 100 genuine and 99 impostor pairs; intervals of 95 % over people, from 200" in part
    low, high = figures["accuracy_interval"]
    assert (
        f"| 10-fold accuracy | {100 * figures['accuracy']:.2f} % ± {100 * figures['accuracy_std']:.2f} %, the folds' "
        f"deviation | {100 * low:.2f} to {100 * high:.2f} % | 201 pairs of its ten folds |" in part
    )
    eer = figures["eer"]
    assert f"| equal error rate | {100 * eer['value']:.2f} % | {100 * eer['low']:.2f} to " in part
    assert "| failure to acquire | 0.50 % |" in part
    assert "| 2 of 402 photos |" in part
    assert "| false match rate at the publisher's threshold, 0.250 |" in part
    assert part.count("threshold, 0.250") == 2
    assert "the same with failures to acquire" in part
    assert part.count("chosen for FMR 10 %") == 2
    assert "False match rates of 1 % and below can't be measured on this set: 99 impostor pairs are too few" in part
    assert "1 % takes 300." in part
    for line in part.splitlines():
        if line.startswith("| ") and "%" in line:
            assert re.search(r"impostor pairs|genuine pairs|photos|ten folds", line), line


def test_it_needs_neither_opencv_nor_processes() -> None:
    code = (
        "import sys, sface.evaluate.report.model_card\n"
        "print([name for name in ('cv2', 'multiprocessing', 'scipy', 'sklearn', 'onnx') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_without_mirror_images_and_with_a_detector(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    evaluation = read_evaluation(tmp_path / "eval.json", {**evaluated, "flip": False, "detector": "mtcnn"})
    card = write_card(model(), [("eval.json", evaluation)], "1.2.3")
    assert "on faces found by mtcnn, without mirror images, with" in card


def test_a_robustness_table(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    clean = {
        "degradation": "none",
        "level": "",
        "accuracy": 0.95,
        "accuracy_interval": [0.92, 0.97],
        "change": {"value": 0.0, "low": 0.0, "high": 0.0},
    }
    row = {
        "degradation": "blur",
        "level": "sigma 2 px",
        "accuracy": 0.9,
        "accuracy_interval": [0.85, 0.95],
        "change": {"value": -0.05, "low": -0.08, "high": -0.02},
    }
    targets = {"lfw": {**evaluated["targets"]["lfw"], "robustness": [clean, row]}}
    evaluation = read_evaluation(tmp_path / "eval.json", {**evaluated, "targets": targets})
    card = write_card(model(), [("eval.json", evaluation)], "1.2.3")
    assert "| blur sigma 2 px | 90.00 % | 85.00 to 95.00 % | -5.00 | -8.00 to -2.00 |" in card
    assert "| as it is | 95.00 % | 92.00 to 97.00 % | +0.00 | +0.00 to +0.00 |" in card
    assert "degraded" not in write_card(
        model(), [("eval.json", read_evaluation(tmp_path / "eval.json", evaluated))], "1.2.3"
    )


def test_figures_of_identification(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    missed = Rate(0.1, 0.05, 0.2, 12, 120)
    point = OperatingPoint(1e-6, 0.5, Rate(0, 0, 1e-6, 0, 3_000_000), missed, missed)
    found = IdentificationFigures(
        *("set", "a way to search", 80, 200, 0, 1_000_000, 3, (1, 2), 120),
        ranks=(RankRate(1, missed), RankRate(10, Rate(0, 0, 0.025, 0, 120))),
        verification=point,
        impostors_needed=3_000_000,
    )
    values = {**evaluated, "targets": {}, "identification": {"facescrub": found.to_dict()}}
    card = write_card(model(), [("eval.json", read_evaluation(tmp_path / "eval.json", values))], "1.2.3")
    assert "### facescrub\n\na way to search: 200 photos of 80 people among 1,000,000 distractors;" in card
    assert "| not among the first 1 | 10.00 % | 5.00 to 20.00 % | 12 of 120 searches |" in card
    assert "| not among the first 10 | 0 % | 0 to 2.50 % | 0 of 120 searches |" in card
    assert "| false non-match rate at threshold 0.500, chosen for FMR 0.0001 % | 10.00 % |" in card
    assert "\n\n3 of 1,000,003 distractors could not be read and were not searched.\n" in card
    assert "of the photos could" not in card and "takes 3,000,000" not in card
    less = dataclasses.replace(found, failed=2, distractors_failed=0, verification=None)
    values["identification"] = {"facescrub": less.to_dict()}
    card = write_card(model(), [("eval.json", read_evaluation(tmp_path / "eval.json", values))], "1.2.3")
    assert "\n\n2 of the photos could not be read; every search for one or with one has missed.\n" in card
    assert "\n\nFMR 0.0001 % takes 3,000,000 pairs of a photo and a distractor.\n" in card
    assert "distractors could not be read" not in card


HOSTILE = (
    "x|y\n# z <img src=x onerror=alert(1)> [a](javascript:b) `c` **d** &lt; ~~e~~ $f$ https://g www.h \x1b[2J \u202e"
)


def test_a_strangers_words_stay_words(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    known = metadata(**{**MEASURED, "threshold_set": HOSTILE, "aligner": HOSTILE}, network=HOSTILE, loss=HOSTILE)
    target = {**evaluated["targets"]["lfw"], "protocol": HOSTILE}
    values = {**evaluated, "command": HOSTILE + "```\n<b>", "detector": HOSTILE, "targets": {HOSTILE: target}}
    evaluation = read_evaluation(tmp_path / "eval.json", values)
    card = write_card(model(known, name=HOSTILE, inputs=[HOSTILE]), [(HOSTILE, evaluation)], "1.2.3")
    prose = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", card, flags=re.MULTILINE | re.DOTALL)
    for markup in ("<", "a](", "**", "&lt;", "~~", "$", "https://", "www.h", "\x1b", "\u202e"):
        assert markup not in prose, markup
    assert [line for line in card.splitlines() if line.startswith("# ")] == [card.splitlines()[0]]
    rows = [line for line in prose.splitlines() if line.startswith("| ")]
    assert {line.count(" | ") for line in rows} <= {1, 3, 5}
    assert list(sections(card)) == list(sections(write_card(model(), [], "1.2.3")))
