"""Aligning a folder from Python. The set itself and interrupted runs: tests/cli/test_align_command.py."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from sface import files
from sface.align import AlignedFolder, align_folder
from sface.align.detectors.mtcnn import MTCNN
from sface.align.photo_shards import LeftOut
from sface.datasets import open_image_set
from sface.datasets.set_files import read_aligner
from sface.errors import DataError, ModelError, NoFaceError, StorageError, UsageError
from sface.output import Output
from sface.processes import shards

from ..child_processes import in_this_process


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(shards, "in_processes", in_this_process)


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: list[Path]) -> Path:
    """Ada: a face; Bo: a face and a wall; Cy: a wall."""
    for person, source in (("Ada", drawn_photos[0]), ("Bo", drawn_photos[1])):
        (tmp_path / "photos" / person).mkdir(parents=True)
        shutil.copy(source, tmp_path / "photos" / person / "1.png")
    (tmp_path / "photos" / "Cy").mkdir()
    for person in ("Bo", "Cy"):
        Image.new("RGB", (200, 200), "grey").save(tmp_path / "photos" / person / "wall.png")
    return tmp_path / "photos"


def test_a_set_and_what_is_said_of_it(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aligned = align_folder(str(photos), str(tmp_path / "set"), detector="mtcnn")
    assert capsys.readouterr() == ("", "")
    assert (aligned.path, aligned.layout, aligned.detector) == (tmp_path / "set", "images", "mtcnn")
    assert aligned.aligner == "mtcnn+onet-1"
    assert (tmp_path / "set" / "aligner.txt").read_text() == "mtcnn+onet-1\n"
    assert (aligned.photos, aligned.people, aligned.crops, aligned.people_without) == (4, 2, 2, ("Cy",))
    assert [photo.photo for photo in aligned.left_out] == ["Bo/wall.png", "Cy/wall.png"]
    reason = "mtcnn found no face; use a photo with a larger, upright face, or another detector"
    assert aligned.left_out[0] == LeftOut("Bo/wall.png", "no_face", reason)
    assert (tmp_path / "set" / "left_out.tsv").read_text() == (
        f"Bo/wall.png\tno_face\t{reason}\nCy/wall.png\tno_face\t{reason}\n"
    )
    assert str(aligned) == (
        f"{tmp_path}/set: 2 faces of 2 people from 4 photos; left out: 2 (2 no_face); people without a face: 1"
    )
    assert aligned.seconds > 0
    images = open_image_set(aligned.path)
    assert (images.num_classes, images.labels.tolist()) == (2, [0, 1])


def test_records(photos: Path, tmp_path: Path) -> None:
    aligned = align_folder(photos, tmp_path / "set", detector="mtcnn", records=True, output=Output(quiet=True))
    assert aligned.layout == aligned.to_dict()["layout"] == "records"
    assert open_image_set(aligned.path).kind == "train.rec"
    assert read_aligner(aligned.path) == aligned.aligner


def test_crops_of_another_aligner_are_cut_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that an interrupted run has left."""

    def call() -> AlignedFolder:
        return align_folder(photos, tmp_path / "set", detector="mtcnn", output=Output())

    def refuse(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patched, pytest.raises(StorageError):
        patched.setattr(files, "write_folder", refuse)
        call()
    monkeypatch.setattr(MTCNN, "aligner", "mtcnn+onet-9")
    capsys.readouterr()
    assert call().aligner == "mtcnn+onet-9"
    assert "were done before" not in capsys.readouterr().err


def test_arguments_that_can_not_be(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="faces 'nicest': must be one of best, largest"):
        align_folder(photos, tmp_path / "set", faces="nicest")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"photos/set: lies in .*photos itself"):
        align_folder(photos, photos / "set")
    with pytest.raises(UsageError, match="is there already"):
        align_folder(photos, photos)
    with pytest.raises(ModelError, match=r"none\.onnx"):
        align_folder(photos, tmp_path / "set", detector=Path("none.onnx"))
    with pytest.raises(DataError, match="holds no folder per person"):
        align_folder(photos / "Ada", tmp_path / "set")
    assert list(tmp_path.iterdir()) == [photos]


def test_no_face_in_any_photo(photos: Path, tmp_path: Path) -> None:
    shutil.rmtree(photos / "Ada")
    (photos / "Bo" / "1.png").unlink()
    with pytest.raises(NoFaceError, match=r"all 2 photos were left out; the first, Bo/wall\.png: mtcnn found no face"):
        align_folder(photos, tmp_path / "set", detector="mtcnn")
    assert list(tmp_path.iterdir()) == [photos]
