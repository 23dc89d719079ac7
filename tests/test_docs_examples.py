"""Every Python example of the documentation runs, as a program in a folder with the files that it names."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.paths import REPOSITORY

from .people_photos import draw_people
from .tiny_models import raw_metadata, write_model

# docs/export.md's need Jittor and networks of it: tests/export/ has them; docs/train.md's is in tests/train/;
# docs/card_example.md's is of a file that isn't here.
ELSEWHERE = ("export.md", "train.md", "card_example.md")
PAGES = [
    REPOSITORY / "README.md",
    *sorted(path for path in (REPOSITORY / "docs").rglob("*.md") if path.name not in ELSEWHERE),
]


def examples(page: Path) -> str:
    """The Python blocks of a page, in their order."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path, drawn_photos: list[Path]) -> Path:
    """Two photos of one person, one of each of two people, a wall, a video, a network, crops of twelve people."""
    write_model(tmp_path / "model.onnx", metadata=raw_metadata())
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.jpg")
    video = cv2.VideoWriter(str(tmp_path / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (400, 400))
    for path, names in zip(drawn_photos, (["a.jpg", "people/Ada/1.jpg"], ["b.jpg", "people/Bo/1.jpg"]), strict=False):
        photo = Image.open(path).resize((400, 400))
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            photo.save(tmp_path / name)
        for _ in range(3):
            video.write(np.asarray(photo)[:, :, ::-1])
    video.release()
    draw_people(tmp_path / "crops", {f"person {number}": number for number in range(12)}, photos=3)
    return tmp_path


def run(code: str, folder: Path) -> str:
    (folder / "example.py").write_text(code)
    done = subprocess.run([sys.executable, "example.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "page", [page for page in PAGES if examples(page)], ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_a_pages_examples(page: Path, folder: Path) -> None:
    run(examples(page), folder)


def test_the_script_prints_what_it_says(folder: Path) -> None:
    printed = run(examples(REPOSITORY / "docs" / "python" / "script.md"), folder)
    assert re.match(r"(SAME|DIFFERENT) -?\d\.\d\d ", printed)
    assert "take another photo: wall.jpg: mtcnn found no face" in printed
    assert "no_face" in printed


def test_aligning_a_folder_prints_what_it_says(folder: Path) -> None:
    page = REPOSITORY / "docs" / "align.md"
    assert run(examples(page), folder).strip() in page.read_text(encoding="utf-8")


def test_the_video_finds_people(folder: Path) -> None:
    lines = run(examples(REPOSITORY / "docs" / "python" / "video.md"), folder).splitlines()
    assert [line.split()[0] for line in lines] == ["1", "6"]
    assert "Ada 1.00" in lines[0] or "Ada 0.9" in lines[0]
    assert "Bo" in lines[1]


def test_the_service_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(examples(REPOSITORY / "docs" / "python" / "service.md"), names)
    client = testclient.TestClient(names["app"])

    def post(a: str, b: str) -> tuple[int, dict[str, object]]:
        answer = client.post("/verify", files={"a": Path(a).read_bytes(), "b": Path(b).read_bytes()})
        return answer.status_code, answer.json()

    status, body = post("a.jpg", "a.jpg")
    assert status == 200
    assert body == {"same": True, "similarity": pytest.approx(1, abs=1e-6), "threshold": 0.36, "fmr": None}
    status, body = post("a.jpg", "wall.jpg")
    assert status == 422
    assert body["detail"]["code"] == "no_face"  # type: ignore[index]
    assert "second photo" in body["detail"]["message"]  # type: ignore[index]
    assert post("a.jpg", "model.onnx")[1]["detail"]["code"] == "bad_image"  # type: ignore[index]
    Path("large").write_bytes(bytes(10_000_001))
    assert post("large", "a.jpg")[0] == 413
