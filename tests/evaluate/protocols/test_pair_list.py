"""Pairs from a CSV file: what it gives, who the people are, and files that are damaged or contradict themselves."""

from pathlib import Path

import pytest

from sface.errors import DataError
from sface.evaluate.protocols.pair_list import open_list

PHOTOS = ("a/1.jpg", "a/2.jpg", "a/3.jpg", "b/1.jpg", "b/2.jpg", "c 'x, y'.png")
NAMES = "first,second,same,person_first,person_second"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in PHOTOS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    (folder / "mine.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "mine.csv"


def test_people_from_genuine_pairs(folder: Path) -> None:
    path = write(
        folder,
        "first,second,same",
        "a/1.jpg,a/2.jpg,1",
        "a/3.jpg,./a/2.jpg,TRUE",
        "",
        "b/1.jpg,b/2.jpg, true",
        "a/1.jpg,b/1.jpg,0",
        "\"c 'x, y'.png\",a/1.jpg,False",
    )
    pairs = open_list(path)
    assert [str(photo.relative_to(folder)) for photo in pairs.photos] == list(PHOTOS)
    assert pairs.pairs.tolist() == [[0, 1], [2, 1], [3, 4], [0, 3], [5, 0]]
    assert pairs.same.tolist() == [True, True, True, False, False]
    assert len(set(pairs.persons.tolist())) == 3
    assert pairs.persons[0] == pairs.persons[1] == pairs.persons[2]
    assert pairs.persons[3] == pairs.persons[4]
    assert (pairs.name, pairs.protocol) == ("mine", "pairs of mine.csv, people as its genuine pairs link photos")
    assert pairs.ten_folds is None


def test_people_by_their_names(folder: Path) -> None:
    """Columns in any order; a/3.jpg is linked with no other photo but is Ada too."""
    path = write(
        folder,
        "person_first,first,second,person_second,same",
        "Ada,a/1.jpg,a/2.jpg,Ada,1",
        "Ada,a/3.jpg,b/1.jpg,Bo,0",
    )
    pairs = open_list(path)
    assert pairs.persons.tolist() == [0, 0, 0, 1]
    assert pairs.protocol == "pairs of mine.csv, people as it names them"


def test_paths_relative_to_another_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("lists"), "\ufefffirst,second,same", "a/1.jpg,a/2.jpg,1")
    with pytest.raises(DataError, match=r"line 2: .*lists.*there is no such photo"):
        open_list(path)
    assert open_list(path, folder).photos == (folder / "a/1.jpg", folder / "a/2.jpg")


def test_ten_folds_by_turns(folder: Path) -> None:
    for number in range(7):
        (folder / f"{number}.jpg").touch()
    genuine = [f"{number}.jpg,{number + 1}.jpg,1" for number in range(6)]
    impostor = [f"{number}.jpg,a/1.jpg,0" for number in range(7)]
    pairs = open_list(write(folder, "first,second,same", *impostor, *genuine))
    assert pairs.ten_folds is not None
    assert pairs.same[pairs.ten_folds].tolist() == [True, False] * 6


LINE = "a/1.jpg,a/2.jpg,1"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "line 1: has the columns ; needed is a CSV file with the columns first,second,same and"),
        ((LINE,), "line 1: has the columns a/1.jpg,a/2.jpg,1; needed"),
        (("first,second,same,name", LINE), "line 1: has the columns first,second,same,name"),
        (("first,second,same,person_first", LINE), "line 1: has the columns"),
        (("first,second,same,same", LINE), "line 1: has the columns"),
        (("first,second,same",), "holds no pair; needed is a CSV file"),
        (("first,second,same", LINE + ",2"), "line 2: has 4 values for 3 columns"),
        (("first,second,same", "a/1.jpg,1"), "line 2: has 2 values for 3 columns"),
        (("first,second,same", "a/1.jpg,,1"), "line 2: second is empty"),
        (("first,second,same", "a/1.jpg,a/2.jpg,maybe"), "line 2: same is maybe; must be 1, 0, true or false"),
        (("first,second,same", "a/1.jpg,a/1.jpg,1"), "line 2: is a pair of a photo with itself"),
        (("first,second,same", LINE, "a/1.jpg,a/9.jpg,1"), "line 3: {folder}/a/9.jpg: there is no such photo"),
        (("first,second,same", "a/1.jpg,a,1"), "line 2: {folder}/a: there is no such photo"),
        (("first,second,same", "../b.jpg,a/1.jpg,1"), "line 2: the photo ../b.jpg is not in {folder}; list only"),
        (("first,second,same", LINE, "a/1.jpg,b/../a/2.jpg,1"), "line 3: the photo b/../a/2.jpg is not in"),
        (("first,second,same", "a/1.jpg,/etc/passwd,1"), "line 2: the photo /etc/passwd is not in"),
        (("first,second,same", "a/1.jpg,a\0b,1"), "line 2: "),
        (("first,second,same", f"a/1.jpg,{'a' * 5000},1"), "there is no such photo"),
        (("first,second,same", f"a/1.jpg,{'a' * 200_000},1"), "line 2: is no line of a CSV file (field larger"),
        (("first,second,same", 'a/1.jpg,"a/2.jpg,1'), "line 2: is no line of a CSV file (unexpected end of data)"),
        (("first,second,same", LINE, "a/2.jpg,a/1.jpg,1"), "line 3: is the same pair as line 2; remove one"),
        (
            ("first,second,same", LINE, "a/2.jpg,a/3.jpg,1", "a/1.jpg,a/3.jpg,0"),
            "line 4: same is 0, but other pairs make both photos those of one person",
        ),
        ((NAMES, f"{LINE},Ada,Bo"), "line 2: same is 1, but the people are Ada and Bo"),
        ((NAMES, "a/1.jpg,b/1.jpg,0,Ada,Ada"), "line 2: same is 0, but the people are Ada and Ada"),
        ((NAMES, f"{LINE},Ada,"), "line 2: person_second is empty"),
        ((NAMES, f"{LINE},A,A", "a/2.jpg,b/1.jpg,0,B,C"), "line 3: {folder}/a/2.jpg shows B, but A in a line before"),
    ],
)
def test_damaged_lists(folder: Path, lines: tuple[str, ...], words: str) -> None:
    path = write(folder, *lines)
    with pytest.raises(DataError) as caught:
        open_list(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words.format(folder=folder) in str(caught.value)


def test_no_file_and_no_text(folder: Path) -> None:
    with pytest.raises(DataError, match=r"mine.csv: can't be read \(No such file"):
        open_list(folder / "mine.csv")
    (folder / "mine.csv").write_bytes(b"first,second,same\n\xff\xfe")
    with pytest.raises(DataError, match=r"mine.csv: is no text in UTF-8"):
        open_list(folder / "mine.csv")
