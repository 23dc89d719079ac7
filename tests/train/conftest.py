"""What tests of training runs share: a run to compare others with, and verification sets of drawn faces."""

import pickle
from pathlib import Path

import pytest

from tests.conftest import PEOPLE, PHOTOS

from .runs import CONFIG, run


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path) -> Path:
    """The checkpoint of CONFIG, for runs with one option changed to be compared with."""
    return run(CONFIG, drawn_set, tmp_path_factory.mktemp("plain") / "out").checkpoint


@pytest.fixture(scope="session")
def eval_root(tmp_path_factory: pytest.TempPathFactory, drawn_set: Path) -> Path:
    """A folder with the verification sets `lfw` and `mine`: 24 pairs each of the training set's crops."""
    folder = tmp_path_factory.mktemp("sets")
    for name, first in (("lfw", 0), ("mine", 4)):
        images, same = [], []
        for person in range(PEOPLE):
            for photo in range(first, first + 4):
                genuine = photo % 2 == 0
                other = person if genuine else (person + 1) % PEOPLE
                for who, what in ((person, photo), (other, (photo + 1) % PHOTOS)):
                    images.append((drawn_set / f"{who}-{what}.png").read_bytes())
                same.append(genuine)
        (folder / f"{name}.bin").write_bytes(pickle.dumps((images, same), 2))
    return folder
