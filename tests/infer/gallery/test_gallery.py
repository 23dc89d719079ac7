"""1:N search: exact, whole on disk or not there, and never mixed with another network's embeddings."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sface.errors import DataError, ModelError, StorageError, UsageError
from sface.infer import Gallery, Identification
from sface.infer.gallery import person_vectors
from tests.test_files import largest_file

SIZE = 8


class Network(NamedTuple):
    """What a gallery has to know of an embedder."""

    sha256: str
    embedding_size: int


MODEL, OTHER = Network("a" * 64, SIZE), Network("b" * 64, SIZE)


def unit(seed: int, count: int, size: int = SIZE) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def three() -> Gallery:
    gallery = Gallery(MODEL)
    gallery.add({"Ada": unit(1, 2), "Bo": unit(2, 1), "Çiğdem 李": unit(3, 3)})
    return gallery


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    probes=st.integers(1, 7),
    top=st.integers(1, 14),
    block=st.integers(1, 40),
)
def test_search_is_exact(seed: int, counts: list[int], probes: int, top: int, block: int) -> None:
    """Whatever the blocks, against a plain loop over people."""
    people = {f"p{index}": unit(seed + index, count) for index, count in enumerate(counts)}
    gallery = Gallery(MODEL)
    gallery.add(people)
    vectors = unit(seed + 99, probes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(person_vectors, "BLOCK", block)
        results = gallery.search(vectors, top)
    for probe, found in zip(vectors, results, strict=True):
        expected = sorted(((float((own @ probe).max()), name) for name, own in people.items()), reverse=True)[:top]
        assert [candidate.person for candidate in found] == [name for _, name in expected]
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [value for value, _ in expected], abs=1e-6
        )


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


def test_people_who_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = three()
    gallery.add({"Ada again": unit(1, 2)[1], "Bo's twin": unit(2, 1)})
    vectors = {"Ada": unit(1, 2), "Bo": unit(2, 1), "Çiğdem 李": unit(3, 3)}
    for block in (1 << 20, 1):
        monkeypatch.setattr(person_vectors, "BLOCK", block)
        assert {pair[:2] for pair in gallery.alike(0.999)} == {("Ada", "Ada again"), ("Bo", "Bo's twin")}
        everyone = gallery.alike(-1)
        assert len(everyone) == 10
        assert [pair[2] for pair in everyone] == sorted((pair[2] for pair in everyone), reverse=True)
        expected = float((vectors["Ada"] @ vectors["Çiğdem 李"].T).max())
        assert next(p[2] for p in everyone if p[:2] == ("Ada", "Çiğdem 李")) == pytest.approx(expected, abs=1e-6)
        some = gallery.alike(-1, among={"Bo", "Ada again"})
        assert {frozenset(pair[:2]) for pair in some} == {
            frozenset(pair[:2]) for pair in everyone if {"Bo", "Ada again"} & set(pair[:2])
        }
        assert len(some) == 7


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


def test_a_reader_is_not_disturbed(tmp_path: Path) -> None:
    three().save(tmp_path)
    reader = Gallery.load(tmp_path)
    before = reader.search(unit(9, 4), 3)
    changed = Gallery.load(tmp_path)
    changed.add({"Ada": unit(40, 5)})
    changed.save(tmp_path)
    assert reader.search(unit(9, 4), 3) == before


def test_a_full_disk_leaves_the_old_gallery(tmp_path: Path) -> None:
    gallery = three()
    gallery.save(tmp_path)
    gallery.add({"many": unit(7, 200)})
    with largest_file(2000), pytest.raises(StorageError):
        gallery.save(tmp_path)
    Gallery.check(tmp_path)
    assert Gallery.load(tmp_path).people == three().people


def test_it_holds_no_pickle(tmp_path: Path) -> None:
    """A file of vectors that would run a command is refused."""
    three().save(tmp_path)
    np.save(tmp_path / "embeddings-1.npy", np.array([object()] * 6), allow_pickle=True)
    with pytest.raises(DataError, match=r"embeddings-1\.npy: can't be read"):
        Gallery.load(tmp_path)


def cut_off(folder: Path) -> None:
    path = folder / "embeddings-1.npy"
    path.write_bytes(path.read_bytes()[:-8])


def an_archive(folder: Path) -> None:
    np.savez(folder / "x.npz", unit(0, 6))
    (folder / "x.npz").rename(folder / "embeddings-1.npy")


def of_another_shape(folder: Path) -> None:
    np.save(folder / "embeddings-1.npy", unit(0, 5))


def of_another_type(folder: Path) -> None:
    np.save(folder / "embeddings-1.npy", unit(0, 6).astype(np.float64))


def with_field(name: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "gallery.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))

    change.__name__ = f"{name}={value}"
    return change


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        an_archive,
        of_another_shape,
        of_another_type,
        lambda folder: (folder / "embeddings-1.npy").unlink(),
        lambda folder: (folder / "gallery.json").unlink(),
        lambda folder: (folder / "gallery.json").write_text("{"),
        lambda folder: (folder / "gallery.json").write_bytes(b"\xff\x00"),
        lambda folder: (folder / "gallery.json").write_text("[]"),
        with_field("people", {"Ada": -1}),
        with_field("people", ["Ada"]),
        with_field("people", {"Ada": "6"}),
        with_field("vectors", "../../etc/passwd"),
        with_field("format", 2),
        with_field("embedding_size", 0),
    ],
)
def test_a_damaged_gallery(damage: Callable[[Path], object], tmp_path: Path) -> None:
    folder = tmp_path / "g"
    three().save(folder)
    damage(folder)
    with pytest.raises(DataError, match="g"):
        Gallery.load(folder)


def test_a_changed_bit_is_found(tmp_path: Path) -> None:
    three().save(tmp_path)
    path = tmp_path / "embeddings-1.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    Gallery.load(tmp_path)
    with pytest.raises(DataError, match="its sha256 is not the one in"):
        Gallery.check(tmp_path)


def test_threads_may_search(tmp_path: Path) -> None:
    gallery = Gallery(MODEL)
    gallery.add({f"p{index}": unit(index, 3) for index in range(200)})
    expected = [gallery.search(unit(index, 1), 3) for index in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda index: gallery.search(unit(index, 1), 3), range(40))) == expected


def test_readers_see_a_whole_gallery_while_it_is_changed(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    gallery = three()
    gallery.save(folder)

    done = threading.Event()

    def read() -> int:
        count = 0
        while not done.is_set():
            assert Gallery.load(folder, MODEL).people["Ada"] == 2
            Gallery.check(folder)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(20):
            gallery.add({f"p{number}": unit(number, 1)})
            gallery.save(folder)
        done.set()
    assert sum(reader.result() for reader in readers) > 3
    next(folder.glob("embeddings-*.npy")).unlink()
    with pytest.raises(DataError, match=r"embeddings-\d+\.npy: is missing; enroll"):
        Gallery.load(folder)


@pytest.mark.parametrize("threshold", [float("nan"), 1.5, -2])
def test_a_threshold_that_is_no_cosine(threshold: float) -> None:
    with pytest.raises(UsageError, match="must be a cosine"):
        three().identify_embeddings(unit(1, 1), threshold)
