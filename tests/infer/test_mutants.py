"""Whatever is done to a picture or a model file, face-verify answers or says in one line what is wrong."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import REPOSITORY

from ..tiny_models import raw_metadata, write_model

GIB = 2**20  # KiB


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("pictures", 150),
        ("models", 60),
        pytest.param("pictures", 2000, marks=pytest.mark.hours),
        pytest.param("models", 500, marks=pytest.mark.hours),
    ],
)
def test_mutants(kind: str, count: int, tmp_path: Path, drawn_photos: list[Path]) -> None:
    shutil.copy(drawn_photos[0], tmp_path / "face.png")
    metadata = raw_metadata(threshold=0.3, fmr=0.001, threshold_set="people", aligner="mtcnn+onet-1")
    write_model(tmp_path / "model.onnx", metadata=metadata)
    arguments = [sys.executable, "-m", "tests.infer.mutants", kind, str(tmp_path), "0", str(count)]
    done = subprocess.run(
        arguments, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=10 + 10 * count
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]} {done.stderr[-2000:]}"
    codes = set()
    *lines, peak = done.stdout.splitlines()
    for line in lines:
        number, code, seconds, text = line.split(" ", 3)
        printed = ast.literal_eval(text).splitlines()
        assert 0 <= int(code) <= 6, line
        assert float(seconds) < 10, line
        assert "fault in sface" not in text and "Traceback" not in text, line
        if int(code) >= 2:
            assert len(printed) == 1 and printed[0].startswith("error: "), line
            assert "mutant" in printed[0], line
        codes.add(int(code))
    assert number == str(count - 1)
    assert codes >= ({0, 3} if kind == "pictures" else {0, 5})
    assert int(peak) < GIB
