"""All pairs of real photos, through the command and through the API: the same answers, and right ones."""

import itertools
import json
from pathlib import Path

import pytest

from sface.cli.dispatch import face_verify
from sface.infer import FaceVerifier, Verification

from ..tiny_models import raw_metadata, write_published_sface

THRESHOLD = 0.363


def lfw_pairs(photos: Path) -> list[tuple[Path, Path, bool]]:
    """300 lines NAME I J, then 300 lines NAME I NAME J."""

    def photo(name: str, number: str) -> Path:
        return photos / name / f"{name}_{int(number):04}.jpg"

    lines = [line.split() for line in (photos / "pairs.txt").read_text().splitlines()[1:]]
    return [(photo(a, i), photo(rest[0] if rest[:-1] else a, rest[-1]), not rest[:-1]) for a, i, *rest in lines]


def london_pairs(photos: Path) -> list[tuple[Path, Path, bool]]:
    """Each person neutral and smiling, and all pairs of people, both neutral."""
    neutral = sorted(photos.glob("*_03.jpg"))
    genuine = [(path, path.with_name(path.name.replace("_03", "_08")), True) for path in neutral]
    return genuine + [(a, b, False) for a, b in itertools.combinations(neutral, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("every", "wrong"), [(40, 1), pytest.param(1, 4, marks=pytest.mark.hours)], ids=["some", "all 600 and London's"]
)
def test_the_command_and_the_api_say_the_same_and_are_right(
    every: int, wrong: int, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_published_sface(shared, tmp_path / "sface.onnx", raw_metadata(embedding_size=128))
    yunet = str(shared / "models" / "face_detection_yunet_2026may.onnx")
    photos = shared / "photos"
    pairs = lfw_pairs(photos / "lfw")[::every] + london_pairs(photos / "london")[::every]
    assert every > 1 or len(pairs) == 600 + 12 + 66
    verifier = FaceVerifier(model, detector=yunet, threshold=THRESHOLD)
    answers = verifier.verify_many([(a, b) for a, b, _ in pairs])
    mistakes = 0
    for (a, b, genuine), answer in zip(pairs, answers, strict=True):
        assert isinstance(answer, Verification)
        options = ["--model", str(model), "--detector", yunet, "--threshold", str(THRESHOLD), "--json"]
        code = face_verify([str(a), str(b), *options])
        said = json.loads(capsys.readouterr().out)
        assert code == int(not answer.same) == int(not said["same"])
        assert said["similarity"] == pytest.approx(answer.similarity, abs=2e-6)
        assert [face["box"] for face in said["faces"]] == [list(face.box) for face in answer.faces]
        mistakes += answer.same != genuine
    assert mistakes <= wrong
