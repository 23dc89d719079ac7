"""IJB-C's list files: as they are published, and damaged in every way that could be met."""

import re
from pathlib import Path

import numpy as np
import pytest

from sface.errors import DataError
from sface.evaluate.protocols.ijbc_lists import open_ijbc

POINTS = "30.5 40 60 41.25 45 60 33 80 58 79"
FILES = {
    "ijbc_face_tid_mid.txt": "1.jpg 7 20\n2.jpg 3 11\n3.jpg 7 20\n4.jpg 7 5\n",
    "ijbc_name_5pts_score.txt": "".join(f"{n}.jpg {POINTS} 0.{n}\n" for n in (1, 2, 3, 4)),
    "ijbc_template_pair_label.txt": "3 7 1\n7 3 0\n",
}


def written(root: Path, **changes: str | None) -> Path:
    """A set in `root`; a change replaces the file whose name it is the middle of, None leaves it out."""
    (root / "loose_crop").mkdir(parents=True)
    (root / "meta").mkdir()
    for name, text in FILES.items():
        for part, change in changes.items():
            text = change if part in name else text  # type: ignore[assignment]
        if text is not None:
            (root / "meta" / name).write_text(text, encoding="latin-1")
    return root


def test_pictures_are_sorted_by_template_and_medium(tmp_path: Path) -> None:
    lists = open_ijbc(written(tmp_path))
    assert lists.folder == tmp_path / "loose_crop"
    assert lists.names == ("2.jpg", "4.jpg", "1.jpg", "3.jpg")
    assert lists.templates.tolist() == [0, 1, 1, 1]
    assert lists.media.tolist() == [11, 5, 20, 20]
    assert lists.scores.tolist() == [0.2, 0.4, 0.1, 0.3]
    assert lists.landmarks.shape == (4, 5, 2)
    assert lists.landmarks[0].tolist() == [[30.5, 40], [60, 41.25], [45, 60], [33, 80], [58, 79]]
    assert lists.pairs.tolist() == [[0, 1], [1, 0]]
    assert lists.same.tolist() == [True, False]


def test_blank_lines_tabs_and_windows_line_ends(tmp_path: Path) -> None:
    changes = {name: "\n" + text.replace(" ", "\t").replace("\n", "\r\n") + "\n" for name, text in FILES.items()}
    lists, others = open_ijbc(written(tmp_path / "a")), open_ijbc(written(tmp_path / "b", **changes))
    assert lists.names == others.names
    for field in ("landmarks", "scores", "templates", "media", "pairs", "same"):
        np.testing.assert_array_equal(getattr(lists, field), getattr(others, field))


def test_pictures_may_be_called_by_their_folder_in_one_list(tmp_path: Path) -> None:
    changed = FILES["ijbc_face_tid_mid.txt"].replace(".jpg", "/a.jpg")
    points = "".join(f"a.jpg {POINTS} 1\n" for _ in range(4))
    assert open_ijbc(written(tmp_path, tid=changed, pts=points)).names[0] == "2/a.jpg"


DAMAGED: dict[str, tuple[dict[str, str | None], str]] = {
    "no list of templates": ({"tid": None}, "face_tid_mid.txt: can't be read"),
    "no landmarks": ({"pts": None}, "5pts_score.txt: can't be read"),
    "no pairs": ({"label": None}, "pair_label.txt: can't be read"),
    "empty templates": ({"tid": ""}, "face_tid_mid.txt: is empty"),
    "empty pairs": ({"label": "\n \n"}, "pair_label.txt: is empty"),
    "a word too few": ({"tid": "1.jpg 7 20\n2.jpg 3\n"}, "face_tid_mid.txt: line 2: must be a picture"),
    "no number": ({"tid": "1.jpg seven 20\n"}, "face_tid_mid.txt: line 1: must be a picture"),
    "a number too large": ({"tid": "1.jpg 7 9999999999\n"}, "face_tid_mid.txt: line 1: must be a picture"),
    "an Arabic number": ({"tid": "1.jpg \xb2 20\n"}, "face_tid_mid.txt: is no text"),
    "outside": ({"tid": "../../etc/passwd 7 20\n"}, "line 1: the picture ../../etc/passwd is not in loose_crop"),
    "absolute": ({"tid": "/etc/passwd 7 20\n"}, "line 1: the picture /etc/passwd is not in loose_crop"),
    "binary": ({"tid": "\xff\xfe\x00"}, "face_tid_mid.txt: is no text"),
    "landmarks of others": (
        {"pts": FILES["ijbc_name_5pts_score.txt"].replace("2.jpg", "5.jpg")},
        "5pts_score.txt: line 2: is of 5.jpg; the list of templates has 2.jpg here",
    ),
    "too few landmarks": (
        {"pts": f"1.jpg {POINTS} 1\n"},
        "5pts_score.txt: has 1 pictures; the list of templates has 4",
    ),
    "too many landmarks": (
        {"pts": FILES["ijbc_name_5pts_score.txt"] + f"5.jpg {POINTS} 1\n"},
        "5pts_score.txt: line 5: is a picture too many",
    ),
    "four points": ({"pts": "1.jpg 1 2 3 4 5 6 7 8 0.9\n"}, "5pts_score.txt: line 1: must be a picture, x and y of"),
    "a score alone": ({"pts": "1.jpg 0.9\n"}, "5pts_score.txt: line 1: must be a picture, x and y of"),
    "a point of letters": ({"pts": "1.jpg 1 2 3 4 5 6 7 8 x 10 0.9\n"}, "5pts_score.txt: line 1: must be a picture"),
    "a negative score": ({"pts": f"1.jpg {POINTS} -0.1\n"}, "5pts_score.txt: line 1: the score -0.1 is not a number"),
    "a score that is none": ({"pts": f"1.jpg {POINTS} nan\n"}, "5pts_score.txt: line 1: the score nan is not a number"),
    **{
        f"a score of {score}": (
            {"pts": f"1.jpg {POINTS} {score}\n"},
            f"5pts_score.txt: line 1: the score {score} is not a number above 0",
        )
        for score in ("0", "1e308", "inf")
    },
    "a pair of one": ({"label": "3 7 1\n\n3 1\n"}, "pair_label.txt: line 3: must be the numbers of two templates"),
    "four numbers": ({"label": "3 7 1 1\n"}, "pair_label.txt: line 1: must be the numbers of two templates"),
    "a label of 2": ({"label": "3 7 1\n3 7 2\n"}, "pair_label.txt: line 2: must be the numbers of two templates"),
    "a broken number": ({"label": "3 7 1\n3 7.0 1\n"}, "pair_label.txt: line 2: must be the numbers of two templates"),
    "a huge number": ({"label": "3 99999999999 1\n"}, "pair_label.txt: line 1: must be the numbers of two templates"),
    "a negative number": ({"label": "3 7 1\n-3 7 1\n"}, "pair_label.txt: line 2: must be the numbers of two templates"),
    "an unknown template": (
        {"label": "3 7 1\n\n3 5 0\n"},
        "pair_label.txt: line 3: the list of templates has no template 5",
    ),
    "one beyond the last": ({"label": "3 8 1\n"}, "pair_label.txt: line 1: the list of templates has no template 8"),
    "a binary list of pairs": ({"label": "3 7 1\n\xff\x00"}, "pair_label.txt: is no text"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_list_is_named_with_its_line(damage: str, tmp_path: Path) -> None:
    changes, message = DAMAGED[damage]
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        open_ijbc(written(tmp_path, **changes))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"loose_crop: there is no such folder"):
        open_ijbc(tmp_path)
