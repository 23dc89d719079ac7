"""People and their embeddings in a gallery, and that those of another network are refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sface.errors import ModelError, UsageError
from sface.infer import Gallery, Identification

from .drawn_vectors import MODEL, OTHER, SIZE, three, unit


def test_identify() -> None:
    gallery = three()
    ada = unit(1, 2)[1]
    (found,) = gallery.identify_embeddings(ada, 0.9)
    best, second = gallery.search(ada, 2)[0]
    assert found.person == "Ada" and found.similarity == pytest.approx(1, abs=1e-6)
    assert found.margin == pytest.approx(best.similarity - second.similarity)
    (nobody,) = gallery.identify_embeddings(unit(50, 1), 0.999)
    assert nobody.person is None and nobody.similarity < 0.999
    alone = Gallery(MODEL)
    alone.add({"Ada": ada})
    assert alone.identify_embeddings(ada, 0.9) == [Identification("Ada", pytest.approx(1, abs=1e-6), None)]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the gallery is empty"):
        Gallery(MODEL).identify_embeddings(ada, 0.9)
    assert Gallery(MODEL).search(ada) == [[]]


def test_add_and_remove() -> None:
    gallery = three()
    assert gallery.people == {"Ada": 2, "Bo": 1, "Çiğdem 李": 3} and len(gallery) == 6
    gallery.add({"Bo": unit(20, 2), "Dan": unit(21, 1)})
    assert gallery.people == {"Ada": 2, "Bo": 3, "Çiğdem 李": 3, "Dan": 1}
    for vector in (unit(2, 1)[0], *unit(20, 2)):
        assert gallery.search(vector)[0][0].person == "Bo"
    assert gallery.remove("Ada") == 2
    assert gallery.people == {"Bo": 3, "Çiğdem 李": 3, "Dan": 1}
    assert gallery.search(unit(1, 2)[0])[0][0].person != "Ada"
    assert gallery.search(unit(21, 1))[0][0].person == "Dan"
    with pytest.raises(UsageError, match="'Ada' is not in the gallery"):
        gallery.remove("Ada")


@pytest.mark.parametrize(
    "people",
    [
        {"": unit(0, 1)},
        {3: unit(0, 1)},
        {"two\nlines": unit(0, 1)},
        {"\udcff": unit(0, 1)},
        {"A": unit(0, 1) * 2},
        {"A": unit(0, 1) * np.nan},
        {"A": unit(0, 1, size=9)},
        {"A": np.empty((0, SIZE))},
        {"A": np.ones((1, 1, SIZE))},
        {"new": unit(0, 1), "A": np.zeros(SIZE)},
    ],
)
def test_what_is_no_embedding_changes_nothing(people: Any) -> None:
    gallery = three()
    with pytest.raises(UsageError):
        gallery.add(people)
    assert gallery.people == three().people


def test_saved_and_opened(tmp_path: Path) -> None:
    gallery = three()
    gallery.save(tmp_path / "g")
    opened = Gallery.load(tmp_path / "g", MODEL)
    Gallery.check(tmp_path / "g")
    assert opened.people == gallery.people
    probes = unit(9, 4)
    assert opened.search(probes, 3) == gallery.search(probes, 3)
    assert isinstance(opened._vectors.all, np.memmap)
    opened.remove("Bo")
    opened.add({"Eve": unit(30, 1)})
    opened.save(tmp_path / "g")
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["embeddings-2.npy", "gallery.json"]
    assert Gallery.load(tmp_path / "g").people == {"Ada": 2, "Çiğdem 李": 3, "Eve": 1}
    with pytest.raises(ModelError, match="its embeddings are of another network"):
        Gallery.load(tmp_path / "g", OTHER)


def test_one_that_is_empty(tmp_path: Path) -> None:
    Gallery(MODEL).save(tmp_path)
    Gallery.check(tmp_path)
    gallery = Gallery.load(tmp_path, MODEL)
    assert (len(gallery), gallery.people, gallery.alike(0)) == (0, {}, [])
    gallery.add({"Ada": unit(1, 1)})
    gallery.remove("Ada")
    gallery.save(tmp_path)
    assert len(Gallery.load(tmp_path)) == 0


def test_threads_may_search(tmp_path: Path) -> None:
    gallery = Gallery(MODEL)
    gallery.add({f"p{index}": unit(index, 3) for index in range(200)})
    expected = [gallery.search(unit(index, 1), 3) for index in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda index: gallery.search(unit(index, 1), 3), range(40))) == expected


@pytest.mark.parametrize("threshold", [float("nan"), 1.5, -2])
def test_a_threshold_that_is_no_cosine(threshold: float) -> None:
    with pytest.raises(UsageError, match="must be a cosine"):
        three().identify_embeddings(unit(1, 1), threshold)
