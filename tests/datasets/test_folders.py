"""What lies in a folder per person, and in folders of pictures. Sets made of them: test_image_folders.py."""

from pathlib import Path

import pytest

from sface.datasets.folders import people_in, pictures_below, pictures_in
from sface.errors import DataError


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_people_and_their_pictures_by_name(tmp_path: Path) -> None:
    put(
        tmp_path,
        "Bo/2.jpg",
        "Bo/10.PNG",
        "Ann/1.webp",
        "Ann/notes.txt",
        "Ann/.hidden.jpg",
        ".trash/1.jpg",
        "beside.jpg",
    )
    put(tmp_path, "Cid/notes.txt")
    expected = {"Ann": ["1.webp"], "Bo": ["10.PNG", "2.jpg"]}
    assert people_in(tmp_path) == people_in(str(tmp_path)) == expected
    assert list(people_in(tmp_path)) == ["Ann", "Bo"]
    assert people_in(tmp_path, endings=("",)) == {
        "Ann": ["1.webp", "notes.txt"],
        "Bo": ["10.PNG", "2.jpg"],
        "Cid": ["notes.txt"],
    }


def test_a_folder_of_another_kind(tmp_path: Path) -> None:
    put(tmp_path, "Ann/1.jpg", "Bo/more/1.jpg")
    with pytest.raises(DataError, match=r"Bo/more: a folder in a person's folder"):
        people_in(tmp_path)
    put(tmp_path, "Ann/imgs.txt")
    with pytest.raises(DataError, match=r"holds a set in a folder of its own; did you mean .*Ann\?"):
        people_in(tmp_path)
    with pytest.raises(DataError, match=r"nowhere: can't be read \(No such file"):
        people_in(tmp_path / "nowhere")


def test_pictures_in_a_folder_and_below(tmp_path: Path) -> None:
    put(tmp_path, "b.jpg", "a.png", "text.txt", ".hidden.png", "deep/er/c.bmp", ".trash/d.jpg")
    (tmp_path / "deep" / "circle").symlink_to(tmp_path)
    assert pictures_in(tmp_path) == ["a.png", "b.jpg"]
    below = sorted(Path(path).relative_to(tmp_path).as_posix() for path in pictures_below(str(tmp_path)))
    assert below == ["a.png", "b.jpg", "deep/er/c.bmp"]
    with pytest.raises(DataError, match="can't be read"):
        list(pictures_below(str(tmp_path / "nowhere")))
