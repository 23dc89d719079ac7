"""Drawing a set of people from Python. What lies in the folder: tests/cli/test_synth_command.py."""

from pathlib import Path

import pytest

from sface.align import draw_people, drawn_people
from sface.datasets import open_image_set
from sface.errors import ModelError, UsageError

from ..child_processes import in_this_process


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(drawn_people, "in_processes", in_this_process)


def test_a_set_and_what_is_said_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = draw_people(str(tmp_path / "set"), people=2, photos=1, seed=4, detector="mtcnn")
    assert capsys.readouterr() == ("", "")
    assert (drawn.path, drawn.people, drawn.pictures, drawn.crops, drawn.missed) == (tmp_path / "set", 2, 2, 2, ())
    assert str(drawn) == (
        f"{tmp_path}/set: 2 people, 2 pictures in photos/, 2 faces in crops/; mtcnn found no face in 0 pictures"
    )
    assert drawn.to_dict()["seed"] == 4
    assert open_image_set(drawn.path / "crops").labels.tolist() == [0, 1]
    assert (drawn.path / "crops" / "aligner.txt").read_text() == "mtcnn+onet-1\n"


def test_arguments_that_can_not_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^people 0: must be from 1 to 100000$"):
        draw_people(tmp_path / "set", people=0)
    with pytest.raises(UsageError, match=r"^seed -1: must be from 0 to"):
        draw_people(tmp_path / "set", seed=-1)
    with pytest.raises(ModelError, match=r"none\.onnx"):
        draw_people(tmp_path / "set", detector=Path("none.onnx"))
    assert list(tmp_path.iterdir()) == []
