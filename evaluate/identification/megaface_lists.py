"""The list files of MegaFace's challenge 1, as its development kit and InsightFace's test pack have them.

devkit/templatelists/facescrub_features_list.json             {"path": ["Ada_L/Ada_L_1.png", ...], "id": ["Ada_L", ...]}
devkit/templatelists/megaface_features_list.json_1000000_1    {"path": ["534/53415754@N00/37731000_1.jpg", ...]}
facescrub_noises.txt, megaface_noises.txt                     photos that show somebody else: a FaceScrub photo's file
                                                              name, a distractor's path (after a tab, if there is one)
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

PROBES, DISTRACTORS = "facescrub_images", "megaface_images"
_LISTS = Path("devkit") / "templatelists"
_PROBE_LIST = "facescrub_features_list.json"
_DISTRACTOR_LIST = re.compile(r"megaface_features_list\.json_(\d{1,9})_1")


@dataclass(frozen=True, slots=True, eq=False)
class MegaFaceLists:
    """N photos of people who are looked for, each at least twice, and D distractors.

    root         of the test pack
    gallery      file name of the list of distractors
    probes       N paths relative to `root`/facescrub_images
    people       int32 (N,), who is on them, as numbers from 0
    distractors  D paths relative to `root`/megaface_images
    noisy        photos and distractors that the noise lists take away; (0, 0) without such lists
    """

    root: Path
    gallery: str
    probes: tuple[str, ...]
    people: NDArray[np.int32]
    distractors: tuple[str, ...]
    noisy: tuple[int, int]


def open_megaface(root: Path) -> MegaFaceLists:
    """Read the lists in `root`: of the lists of distractors the longest. Pictures are not looked at.

    What the noise lists name is left out, and so are photos of a person of whom there is no second one.
    Raises DataError that names the file where a list is missing, empty or damaged, and where no two people have two
    photos.
    """
    for folder in (root / PROBES, root / DISTRACTORS):
        if not folder.is_dir():
            raise DataError(
                "there is no such folder", path=folder, remedy="needed is the MegaFace test pack with aligned pictures"
            )
    probe_list, gallery = root / _LISTS / _PROBE_LIST, _longest(root / _LISTS)
    paths, names = _read(probe_list, ("path", "id"))
    distractors = _read(gallery, ("path",))[0]
    if len(paths) != len(names):
        raise DataError(f"has {len(paths):,} paths and {len(names):,} ids", path=probe_list, remedy="get it again")
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise DataError(f"lists {twice[0][:80]} twice; a photo can't be looked for by itself", path=probe_list)
    if twice := [path for path, count in Counter(distractors).items() if count > 1]:
        entries = [number for number, path in enumerate(distractors) if path == twice[0]]
        raise DataError(
            f"entries {entries[0]} and {entries[1]} are both {twice[0][:80]}", path=gallery, remedy="list it once"
        )
    noises = _noises(root / "facescrub_noises.txt"), _noises(root / "megaface_noises.txt")
    clean = [(path, name) for path, name in zip(paths, names, strict=True) if _file_name(path) not in noises[0]]
    photos = Counter(name for _, name in clean)
    kept = [(path, name) for path, name in clean if photos[name] > 1]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, name in kept))}
    if len(numbers) < 2:
        raise DataError(
            f"{len(numbers)} people have two photos", path=probe_list, remedy="needed are two people or more"
        )
    gallery_paths = tuple(path for path in distractors if path not in noises[1])
    if not gallery_paths:
        raise DataError("no distractor is left without those of megaface_noises.txt", path=gallery)
    return MegaFaceLists(
        root=root,
        gallery=gallery.name,
        probes=tuple(path for path, _ in kept),
        people=np.array([numbers[name] for _, name in kept], dtype=np.int32),
        distractors=gallery_paths,
        noisy=(len(paths) - len(clean), len(distractors) - len(gallery_paths)),
    )


def _longest(folder: Path) -> Path:
    try:
        named = [(match, path) for path in folder.iterdir() if (match := _DISTRACTOR_LIST.fullmatch(path.name))]
    except OSError as error:
        raise DataError(
            f"can't be read ({error.strerror})", path=folder, remedy="needed are the development kit's lists"
        ) from error
    if not named:
        raise DataError("has no list of distractors such as megaface_features_list.json_1000000_1", path=folder)
    return max(named, key=lambda pair: int(pair[0][1]))[1]


def _read(path: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """The lists of texts of that name, none empty, of a JSON file; "path" has paths that stay in their folder."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"can't be read ({error.strerror})", path=path, remedy="needed is the development kit's list"
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno}: is damaged ({error.msg})", path=path, remedy="get it again") from error
    except (ValueError, RecursionError) as error:
        raise DataError("is no list of photos", path=path, remedy="get it again") from error
    return [_column(path, value, column) for column in columns]


def _column(path: Path, value: Any, column: str) -> list[str]:
    texts = value.get(column) if isinstance(value, dict) else None
    if not isinstance(texts, list) or not texts:
        raise DataError(f'has no list "{column}", or an empty one', path=path, remedy="get it again")
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            raise DataError(f'entry {number} of "{column}" is no text', path=path, remedy="get it again")
        if column == "path" and (text.startswith("/") or ".." in PurePosixPath(text).parts):
            raise DataError(f'entry {number} of "path" leads out of the folder: {text[:80]}', path=path)
    return texts


def _noises(path: Path) -> set[str]:
    if not path.exists():
        return set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("can't be read", path=path, remedy="get it again, or remove it to leave out nothing") from error
    return {line.strip().split("\t")[-1] for line in lines if line.strip() and not line.startswith("#")}


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]
