"""MegaFace's list files: as they are published, and damaged in every way that could be met."""

import json
import re
from pathlib import Path

import pytest

from sface.errors import DataError
from sface.evaluate.identification.megaface_lists import open_megaface

PROBES = {
    "path": [
        "Ada_L/Ada_L_1.png",
        "Ada_L/Ada_L_22.png",
        "Bo_D'or/Bo_D'or_3.png",
        "Cy/Cy_4.png",
        "Bo_D'or/Bo_D'or_5.png",
    ],
    "id": ["Ada_L", "Ada_L", "Bo_D'or", "Cy", "Bo_D'or"],
}
DISTRACTORS = {"path": ["534/53415754@N00/37731000_1.jpg", "389/38989502@N07/4767491946_13.jpg"]}


def written(root: Path, *, probes: object = PROBES, **others: object) -> Path:
    """A test pack without pictures. Values that are no text are written as JSON; None leaves a file out."""
    for folder in ("facescrub_images", "megaface_images", "devkit/templatelists"):
        (root / folder).mkdir(parents=True)
    lists = {"facescrub_features_list.json": probes, "megaface_features_list.json_1000000_1": DISTRACTORS, **others}
    for name, value in lists.items():
        if value is not None:
            path = root / name if name.endswith(".txt") else root / "devkit" / "templatelists" / name
            path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="latin-1")
    return root


def test_people_with_one_photo_are_not_looked_for(tmp_path: Path) -> None:
    lists = open_megaface(written(tmp_path))
    assert lists.root == tmp_path
    assert lists.probes == tuple(path for path in PROBES["path"] if "Cy" not in path)
    assert lists.people.tolist() == [0, 0, 1, 1]
    assert lists.distractors == tuple(DISTRACTORS["path"])
    assert lists.noisy == (0, 0)


def test_the_longest_list_of_distractors_is_taken(tmp_path: Path) -> None:
    others = {
        "megaface_features_list.json_100_1": {"path": ["a.jpg"]},
        "megaface_features_list.json_2000000_1": {"path": ["b.jpg"]},
        "megaface_features_list.json_9000000_2": {"path": ["c.jpg"]},
        "megaface_features_list.json_9000000_1.bak": {"path": ["d.jpg"]},
    }
    lists = open_megaface(written(tmp_path, **others))
    assert (lists.distractors, lists.gallery) == (("b.jpg",), "megaface_features_list.json_2000000_1")


def test_noises_are_left_out(tmp_path: Path) -> None:
    probes = {"path": [*PROBES["path"], "Bo_D'or/Bo_D'or_6.png"], "id": [*PROBES["id"], "Bo_D'or"]}
    noises = {
        "facescrub_noises.txt": "# a comment\nBo_D'or_5.png\nSomebody_Else_1.png\n",
        "megaface_noises.txt": "#Please\n1\t389/38989502@N07/4767491946_13.jpg\n\n12/none.jpg\n",
    }
    lists = open_megaface(written(tmp_path, probes=probes, **noises))
    assert lists.probes == ("Ada_L/Ada_L_1.png", "Ada_L/Ada_L_22.png", "Bo_D'or/Bo_D'or_3.png", "Bo_D'or/Bo_D'or_6.png")
    assert lists.distractors == tuple(DISTRACTORS["path"][:1])
    assert lists.noisy == (1, 1)


GALLERY = "megaface_features_list.json_1000000_1"
DAMAGED: dict[str, tuple[dict[str, object], str]] = {
    "no list of photos": ({"probes": None}, "facescrub_features_list.json: can't be read"),
    "no list of distractors": ({GALLERY: None}, "templatelists: has no list of distractors such as"),
    "cut off": ({"probes": '{"path": ["a/1.png",\n"a/2'}, "facescrub_features_list.json: line 2: is damaged"),
    "binary": ({"probes": '{"path": ["\xff"]}'}, "facescrub_features_list.json: is no list of photos"),
    "deep": ({"probes": "[" * 100_000}, "facescrub_features_list.json: "),
    "a list": ({"probes": [1]}, 'facescrub_features_list.json: has no list "path"'),
    "no ids": ({"probes": {"path": ["a/1.png"]}}, 'facescrub_features_list.json: has no list "id"'),
    "empty": ({GALLERY: {"path": []}}, f'{GALLERY}: has no list "path", or an empty one'),
    "numbers": ({GALLERY: {"path": ["a.jpg", 7]}}, f'{GALLERY}: entry 1 of "path" is no text'),
    "more ids than paths": (
        {"probes": {"path": ["a/1.png"], "id": ["a", "b"]}},
        "facescrub_features_list.json: has 1 paths and 2 ids",
    ),
    "twice the same": (
        {"probes": {"path": ["a/1.png", "a/1.png", "b/1.png", "b/2.png"], "id": ["a", "a", "b", "b"]}},
        "facescrub_features_list.json: lists a/1.png twice",
    ),
    "a distractor twice": (
        {GALLERY: {"path": ["a.jpg", "b.jpg", "a.jpg"]}},
        f"{GALLERY}: entries 0 and 2 are both a.jpg; list it once",
    ),
    "one person": (
        {"probes": {"path": ["a/1.png", "a/2.png", "b/1.png"], "id": ["a", "a", "b"]}},
        "facescrub_features_list.json: 1 people have two photos",
    ),
    "outside": (
        {GALLERY: {"path": ["x/../../../etc/passwd"]}},
        f'{GALLERY}: entry 0 of "path" leads out of the folder',
    ),
    "absolute": ({GALLERY: {"path": ["/etc/passwd"]}}, f'{GALLERY}: entry 0 of "path" leads out of the folder'),
    "binary noises": ({"megaface_noises.txt": "\xff\xfe"}, "megaface_noises.txt: can't be read"),
    "nothing but noises": (
        {"megaface_noises.txt": "\n".join(DISTRACTORS["path"])},
        f"{GALLERY}: no distractor is left without those of megaface_noises.txt",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_list_is_named(damage: str, tmp_path: Path) -> None:
    changes, message = DAMAGED[damage]
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        open_megaface(written(tmp_path, **changes))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["facescrub_images", "megaface_images"])
def test_without_the_pictures(folder: str, tmp_path: Path) -> None:
    (written(tmp_path) / folder).rmdir()
    with pytest.raises(DataError, match=f"{folder}: there is no such folder"):
        open_megaface(tmp_path)


def test_without_the_development_kit(tmp_path: Path) -> None:
    (tmp_path / "facescrub_images").mkdir()
    (tmp_path / "megaface_images").mkdir()
    with pytest.raises(DataError, match=r"templatelists: can't be read"):
        open_megaface(tmp_path)
